"""Other programs' images: read, rebuilt as raw files, written."""

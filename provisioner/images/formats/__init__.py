"""Other programs' images, a module for each kind: read as raw files, written."""

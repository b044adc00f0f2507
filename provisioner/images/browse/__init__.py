"""Looking into an image without restoring it."""

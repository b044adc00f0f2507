"""The image format of docs/image-format.md: signed manifests and named chunks. No I/O."""

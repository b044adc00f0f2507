"""The image format of docs/dev/image-format.md: signed manifests and named chunks. No I/O."""

"""What lies on a partition, which blocks of it are in use, and changing it with its own tools."""

"""What tests make images of: disks, partition tables and file systems, in memory and as files."""

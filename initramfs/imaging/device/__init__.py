"""Disks, partitions and files as the kernel shows them, and doing much to them in parallel."""

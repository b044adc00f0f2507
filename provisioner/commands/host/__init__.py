"""What can be asked about hosts."""

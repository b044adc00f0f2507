"""What can be asked about images."""

"""What can be asked about boot profiles."""

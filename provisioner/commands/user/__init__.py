"""What can be asked about the people who use the appliance."""

"""What was seen and what was done: events of machines, and the audit log of people."""

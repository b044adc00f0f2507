"""What the appliance remembers, in a database; one small repository per subject."""

"""The processes of a running appliance and who looks after them."""

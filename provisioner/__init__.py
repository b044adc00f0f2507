"""The product: what should happen to which host, where images are kept, and how people see it."""

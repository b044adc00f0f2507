"""A small authoritative DNS for hosts and their aliases. Nothing in the boot path needs it."""

"""Keys, nonces, tokens, passwords and signatures: who may believe whom."""

"""Boot profiles: their shape in TOML, how they are read, and what each action asks of them."""

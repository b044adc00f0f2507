"""Boot profiles: what a person writes in TOML, and its rules."""

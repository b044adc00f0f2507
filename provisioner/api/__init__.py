"""The HTTP API: what agents say, and what people and programs may read."""

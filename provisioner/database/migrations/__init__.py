"""Alembic's scripts: each takes the tables from one version to the next."""

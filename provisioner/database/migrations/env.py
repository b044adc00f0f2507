"""Run by alembic: migrates over the connection that ``Database.migrate`` holds open.

Also under ``alembic revision --autogenerate`` (development), which names a database itself.
"""

from __future__ import annotations

import importlib
import pkgutil

from alembic import context
from sqlalchemy import Connection, create_engine

import provisioner
from provisioner.database.tables import Base


def migrate(connection: Connection) -> None:
    """All missing versions, in one transaction. SQLite alters tables by copying them (batch)."""
    context.configure(connection=connection, target_metadata=Base.metadata, render_as_batch=True)
    with context.begin_transaction():
        context.run_migrations()


held = context.config.attributes.get("connection")
if held is not None:
    migrate(held)
else:
    for room in pkgutil.iter_modules(provisioner.__path__, "provisioner."):
        if importlib.util.find_spec(f"{room.name}.tables") if room.ispkg else None:
            importlib.import_module(f"{room.name}.tables")  # what a revision is made of: all tables
    with create_engine(context.config.get_main_option("sqlalchemy.url") or "sqlite://").connect() as own:
        migrate(own)

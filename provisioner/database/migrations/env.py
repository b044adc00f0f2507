"""Run by alembic: migrates over the connection that ``Database.migrate`` holds open.

Also under ``alembic revision --autogenerate`` (development), which names a database itself.
"""

from __future__ import annotations

from alembic import context
from sqlalchemy import Connection, create_engine

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
    with create_engine(context.config.get_main_option("sqlalchemy.url") or "sqlite://").connect() as own:
        migrate(own)

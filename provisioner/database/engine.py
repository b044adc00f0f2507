"""The database: engine, transactions, migrations.

SQLite out of the box, anything SQLAlchemy speaks by URL. A transaction says at
its start whether it will write: SQLite then takes the write lock at once and
waits for it, instead of failing half-way when two processes upgrade together.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.exc import DatabaseError, SQLAlchemyError
from sqlalchemy.orm import Session

from provisioner.base.config import database_url, load_config
from provisioner.base.errors import ProvisionerError
from provisioner.base.home import Home

BUSY_SECONDS = 10.0
"""How long a writer waits for another one; a transaction here takes milliseconds."""
MIGRATIONS = Path(__file__).with_name("migrations")


class Database:
    """Transactions on one database. Safe to use from several threads."""

    def __init__(self, url: str) -> None:
        self._engine = create_engine(url)
        if self._engine.dialect.name == "sqlite":
            _tame_sqlite(self._engine)
        self._writer = self._engine.execution_options(clonesys_writes=True)

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A transaction that only reads, over one consistent snapshot."""
        with Session(self._engine, expire_on_commit=False) as session, session.begin():
            yield session

    @contextmanager
    def write(self) -> Iterator[Session]:
        """A transaction: committed at the end of the block; leaves nothing behind if that raises."""
        with Session(self._writer, expire_on_commit=False) as session, session.begin():
            yield session

    def migrate(self) -> None:
        """Bring the tables to what this version needs; nothing happens if they are."""
        if self._is_current():
            return
        # Loaded here: it takes as long as all the rest of a command, and is hardly ever needed.
        from alembic import command  # noqa: PLC0415 - see above
        from alembic.config import Config  # noqa: PLC0415 - likewise

        config = Config()
        config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
        with self._writer.begin() as connection:
            config.attributes["connection"] = connection
            command.upgrade(config, "head")

    def _is_current(self) -> bool:
        """Whether the last migration was made; False for a database without tables."""
        newest = max(path.name.partition("_")[0] for path in MIGRATIONS.glob("versions/[0-9]*.py"))
        try:
            with self._engine.connect() as connection:
                made = connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar()
        except DatabaseError:
            return False
        return made == newest

    def close(self) -> None:
        """Give back all connections."""
        self._engine.dispose()


def open_database(home: Path) -> Database:
    """The database of the appliance at ``home``, as its configuration says."""
    return Database(database_url(home, load_config(home)))


def open_migrated(home: Path) -> Database:
    """The same, brought to what this version needs. Raises ProvisionerError if that cannot be."""
    if not Home(home).is_made():
        raise ProvisionerError(f"{home} is no appliance", f"make one with 'clonesys --home {home} init'")
    database = open_database(home)
    try:
        database.migrate()
    except SQLAlchemyError as error:
        database.close()
        reason = getattr(error, "orig", None) or error
        raise ProvisionerError(
            f"the database of {home} cannot be opened: {reason}",
            f"look at {Home(home).database}, or at what 'database' in clonesys.toml names",
        ) from error
    except BaseException:
        database.close()
        raise
    return database


def _tame_sqlite(engine: Engine) -> None:
    @event.listens_for(engine, "connect")
    def connect(connection: Any, _record: Any) -> None:
        # The driver would begin transactions on its own, and only before writes; we say when.
        connection.isolation_level = None
        cursor = connection.cursor()
        cursor.execute(f"PRAGMA busy_timeout = {int(BUSY_SECONDS * 1000)}")
        cursor.execute("PRAGMA journal_mode = WAL")
        # A power cut must not bring back a job that has ended: its host would be written again.
        cursor.execute("PRAGMA synchronous = FULL")
        cursor.execute("PRAGMA foreign_keys = ON")
        cursor.close()

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        writes = connection.get_execution_options().get("clonesys_writes", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

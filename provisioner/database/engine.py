"""The database: engine, transactions, migrations.

SQLite out of the box, anything SQLAlchemy speaks by URL. A transaction says at
its start whether it will write: SQLite then takes the write lock at once and
waits for it, instead of failing half-way when two processes upgrade together.
What the database itself cannot do (it is locked, its disk is full or broken)
is a DatabaseError, in words.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, exc
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from provisioner.base.config import database_url, load_config
from provisioner.base.errors import ProvisionerError
from provisioner.base.home import Home
from provisioner.database import refusals
from provisioner.database.snapshot import snapshot
from provisioner.database.turns import TooManyError, Turns, Urgency

BUSY_SECONDS = 10.0
"""How long a writer waits for another one; a transaction here takes milliseconds."""
WAITING = 20
"""Threads of a process that may wait to write: half of those that serve its requests."""
MIGRATIONS = Path(__file__).with_name("migrations")


class DatabaseError(ProvisionerError):
    """The database cannot do its work now. What was to be changed is not; asking again may help."""


class Database:
    """Transactions on one database. Safe to use from several threads.

    ``patience`` is for how many seconds a change waits for others.
    """

    def __init__(self, url: str, patience: float = BUSY_SECONDS) -> None:
        self._engine = create_engine(url)
        if self._engine.dialect.name == "sqlite":
            _tame_sqlite(self._engine, patience)
        self._writer = self._engine.execution_options(clonesys_writes=True)
        self._turns = Turns(WAITING, patience)
        self.path = _file_of(self._engine)

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A transaction that only reads, over one consistent snapshot. Raises DatabaseError."""
        with (
            in_words(self.path),
            self._reader() as engine,
            Session(engine, expire_on_commit=False) as session,
            session.begin(),
        ):
            yield session

    @contextmanager
    def write(self, urgency: Urgency = Urgency.NOW) -> Iterator[Session]:
        """A transaction: committed at the end of the block; leaves nothing behind if that raises.

        Not to be nested. Raises DatabaseError, also where too many wait to write already.
        """
        with (
            in_words(self.path),
            self._turns.turn(urgency),
            Session(self._writer, expire_on_commit=False) as session,
            session.begin(),
        ):
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
            with self._reader() as engine, engine.connect() as connection:
                made = connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar()
        except exc.DatabaseError as error:
            if self.path is not None and refusals.code_of(error) != refusals.NO_TABLE:
                raise  # there may be tables, and they cannot be read
            return False
        return made == newest

    @contextmanager
    def _reader(self) -> Iterator[Engine]:
        """What to read with: a copy in memory where the disk is too full to open the database itself."""
        try:
            self._engine.connect().close()
        except exc.DatabaseError as error:
            if self.path is None or not refusals.is_full(error, self.path):
                raise
        else:
            yield self._engine
            return
        with snapshot(self.path) as engine:
            yield engine

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
        told = refusals.in_words(error, database.path) if isinstance(error, exc.DBAPIError) else None
        raise ProvisionerError(
            f"the database of {home} cannot be opened: {told.message if told else error}",
            told.hint if told else "look at what 'database' in clonesys.toml names",
        ) from error
    except BaseException:
        database.close()
        raise
    return database


@contextmanager
def in_words(path: Path | None = None) -> Iterator[None]:
    """What the database cannot do, as a DatabaseError. What breaks a rule of its tables stays: a bug."""
    try:
        yield
    except TooManyError as error:
        raise DatabaseError(
            "the database is busy: too many wait to change it",
            "try again; if it stays so, look at what else uses its disk",
        ) from error
    except exc.DatabaseError as error:
        if isinstance(error, exc.IntegrityError | exc.ProgrammingError | exc.DataError):
            raise
        told = refusals.in_words(error, path)
        raise DatabaseError(told.message, told.hint) from error


def _file_of(engine: Engine) -> Path | None:
    """The file of an SQLite database; None for one in memory, and for a server."""
    name = engine.url.database
    return Path(name) if engine.dialect.name == "sqlite" and name and name != ":memory:" else None


def _tame_sqlite(engine: Engine, patience: float) -> None:
    @event.listens_for(engine, "connect")
    def connect(connection: Any, _record: Any) -> None:
        # The driver would begin transactions on its own, and only before writes; we say when.
        connection.isolation_level = None
        cursor = connection.cursor()
        cursor.execute(f"PRAGMA busy_timeout = {int(patience * 1000)}")
        cursor.execute("PRAGMA journal_mode = WAL")
        # A power cut must not bring back a job that has ended: its host would be written again.
        cursor.execute("PRAGMA synchronous = FULL")
        cursor.execute("PRAGMA foreign_keys = ON")
        cursor.close()

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        writes = connection.get_execution_options().get("clonesys_writes", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

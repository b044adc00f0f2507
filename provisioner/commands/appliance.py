"""The appliance that a command works on: its places, its state, its images, its clock.

The database is opened when a command first asks for it: loading its modules takes longer than many an
image command works.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Self

from provisioner.base.home import Home
from provisioner.stores.open import store_of

if TYPE_CHECKING:
    from provisioner.database.engine import Database
    from provisioner.stores.protocols import ApplianceStore


@dataclass(slots=True)
class Appliance:
    """One appliance. A context manager: closes what it has opened."""

    root: Path
    now: Callable[[], float] = time.time
    _database: Database | None = None
    _opened: bool = field(default=False, repr=False)

    @property
    def home(self) -> Home:
        """Where everything of it lies."""
        return Home(self.root)

    @property
    def store(self) -> ApplianceStore:
        """Its images. Raises InvalidError if the configuration cannot be read, StoreError."""
        return store_of(self.root)

    @property
    def database(self) -> Database:
        """Its state, at this version's tables. Raises ProvisionerError if there is no appliance."""
        if self._database is None:
            from provisioner.database.engine import open_migrated  # noqa: PLC0415 - see above

            self._database, self._opened = open_migrated(self.root), True
        return self._database

    def close(self) -> None:
        """Close the database, if it was opened here."""
        if self._opened and self._database is not None:
            self._database.close()
            self._database, self._opened = None, False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

"""The appliance that a command works on: its places, its configuration, its state, its clock.

Configuration and database are read when a command first asks for them: loading their modules takes longer
than many an image command works.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Self

from provisioner.base.home import Home
from provisioner.stores.open import store_of

if TYPE_CHECKING:
    from provisioner.base.config import Config
    from provisioner.database.engine import Database
    from provisioner.stores.protocols import ApplianceStore


@dataclass
class Appliance:
    """One appliance. A context manager: closes what it has opened itself."""

    root: Path
    now: Callable[[], float] = time.time
    given: Database | None = field(default=None, repr=False)

    @property
    def home(self) -> Home:
        """Where everything of it lies."""
        return Home(self.root)

    @cached_property
    def config(self) -> Config:
        """What a person decided about it. Raises InvalidError."""
        from provisioner.base.config import load_config  # noqa: PLC0415 - see above

        return load_config(self.root)

    @cached_property
    def store(self) -> ApplianceStore:
        """Its images. Raises InvalidError if the configuration cannot be read, StoreError."""
        return store_of(self.root)

    @cached_property
    def database(self) -> Database:
        """Its state, at this version's tables. Raises ProvisionerError if there is no appliance."""
        if self.given is not None:
            return self.given
        from provisioner.database.engine import open_migrated  # noqa: PLC0415 - see above

        return open_migrated(self.root)

    def close(self) -> None:
        """Close the database, if it was opened here."""
        if self.given is None and "database" in self.__dict__:
            self.__dict__.pop("database").close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

"""Where everything of one appliance lies (docs/dev/architecture.md). Paths only; touches nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

BLOBS = frozenset({"vmlinuz", "initramfs.img", "snponly.efi", "undionly.kpxe"})
"""The boot files an appliance hands out; nothing else in ``boot/`` is ever served."""


@dataclass(frozen=True, slots=True)
class Home:
    """The places below one ``--home`` directory."""

    root: Path

    @property
    def config(self) -> Path:
        """The configuration file."""
        return self.root / "clonesys.toml"

    @property
    def database(self) -> Path:
        """The SQLite file, where no other database is configured."""
        return self.root / "clonesys.db"

    @property
    def keys(self) -> Path:
        """Secrets; readable by the owner alone."""
        return self.root / "keys"

    @property
    def boot(self) -> Path:
        """Loaders, kernel and initramfs."""
        return self.root / "boot"

    @property
    def profiles(self) -> Path:
        """Boot profiles, one TOML file each."""
        return self.root / "profiles"

    @property
    def store(self) -> Path:
        """Images, where no other store is configured."""
        return self.root / "store"

    def is_made(self) -> bool:
        """Whether there is an appliance. Raises OSError if that may not be known."""
        try:
            (self.keys / "admin").stat()
        except (FileNotFoundError, NotADirectoryError):
            return False
        return True

    def blob(self, name: str) -> Path | None:
        """The boot file ``name``, or None if it is none of ours or not there yet."""
        path = self.boot / name
        return path if name in BLOBS and path.is_file() else None

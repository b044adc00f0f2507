"""Where the parts of a directory store lie, and its lock. Paths; no content.

The lock is held for moments only: shared to rely on a chunk or to let an image appear, exclusive to delete
a few chunks. So captures and sweeps go on beside each other.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from provisioner.base.ownership import make_folder
from provisioner.stores.files import failing, locked
from provisioner.stores.names import PROMOTED, check_name

REMOVED = ".removed"


@dataclass(frozen=True, slots=True)
class Places:
    """The layout that docs/dev/image-format.md describes."""

    root: Path

    @property
    def chunks(self) -> Path:
        """Objects in folders of two hexadecimal digits."""
        return self.root / "chunks"

    @property
    def manifests(self) -> Path:
        """A folder for each image's name."""
        return self.root / "manifests"

    @property
    def incoming(self) -> Path:
        """A folder for each capture under way, and one for uploads."""
        return self.root / "incoming"

    @property
    def uploads(self) -> Path:
        """What other machines have sent and no image names yet."""
        return self.incoming / "uploads"

    @property
    def corrupt(self) -> Path:
        """What a verification has set aside."""
        return self.root / "corrupt"

    @property
    def workspace(self) -> Path:
        """Copies and unpacked files, while an image is made of them."""
        return self.root / "unpacked"

    def chunk(self, digest: bytes) -> Path:
        """Where the object of a chunk lies."""
        name = digest.hex()
        return self.chunks / name[:2] / name

    def manifest(self, name: str, generation: int) -> Path:
        """Where a manifest lies while its image is there."""
        return self.manifests / check_name(name) / str(generation)

    def removed(self, name: str, generation: int) -> Path:
        """Where it lies afterwards; empty once it is forgotten."""
        return self.manifests / check_name(name) / f"{generation}{REMOVED}"

    def promoted(self, name: str) -> Path:
        """Holds the number of the generation that is promoted, if one is."""
        return self.manifests / check_name(name) / PROMOTED

    def make(self) -> None:
        """Make the folders that are missing. Raises StoreError."""
        with failing("make the store", self.root):
            for folder in (self.chunks, self.manifests, self.incoming):
                make_folder(folder)

    @contextmanager
    def lock(self, *, exclusive: bool = False) -> Iterator[None]:
        """Hold the store's lock, waiting for it. Raises StoreError."""
        with locked(self.root / "lock", exclusive=exclusive):
            yield

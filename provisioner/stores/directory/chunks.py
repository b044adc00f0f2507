"""The chunks of a directory store: read, replaced, set aside, listed. ``incoming`` adds them for images."""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Iterator
from pathlib import Path

from initramfs.imaging.errors import Missing, Unavailable
from provisioner.base.durable import sync
from provisioner.base.ownership import make_folder
from provisioner.stores.directory.places import Places
from provisioner.stores.files import failing, write_new


class DirectoryChunks:
    """A ChunkKeeper; lists chunks and sets corrupt ones aside."""

    def __init__(self, places: Places) -> None:
        self.places = places

    def chunk_path(self, digest: bytes) -> Path:
        """Where the object of a chunk lies."""
        return self.places.chunk(digest)

    def fetch(self, digest: bytes) -> bytes:
        """Does not check the chunk."""
        path = self.chunk_path(digest)
        try:
            return path.read_bytes()
        except FileNotFoundError as error:
            raise Missing(
                digest,
                f"the store {self.places.root} does not have it",
                "'clonesys image verify' names the images",
            ) from error
        except OSError as error:
            raise Unavailable(
                digest, f"cannot be read: {error.strerror}", "look at the store's disk"
            ) from error

    def chunks(self) -> Iterator[bytes]:
        return stored(self.places)

    def replace(self, digest: bytes, data: bytes) -> None:
        """A corrupt chunk is set aside."""
        path = self.chunk_path(digest)
        self.places.make()
        with self.places.lock(), failing("repair a chunk", path):
            make_folder(path.parent)
            new = self.places.incoming / f"{uuid.uuid4().hex}.repair"
            write_new(new, data, durable=True)
            if path.exists():
                self.set_aside(digest)
            new.rename(path)
            sync(path.parent)

    def set_aside(self, digest: bytes) -> Path:
        """See CorruptChunks; the file's new path."""
        folder = self.places.corrupt
        with failing("set a chunk aside", folder):
            make_folder(folder)
            return self.chunk_path(digest).rename(folder / digest.hex())


def stored(places: Places) -> Iterator[bytes]:
    """The digests of all chunks that are there."""
    for path in places.chunks.glob("*/*"):
        with contextlib.suppress(ValueError):  # something that a person left there
            yield bytes.fromhex(path.name)

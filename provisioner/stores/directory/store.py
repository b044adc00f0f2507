"""The store out of the box: a directory, also on an NFS or SMB mount.

``places`` says what lies where. Files under ``chunks/`` and ``manifests/`` never change.
"""

from __future__ import annotations

import hashlib
import os
import time
import uuid
from collections.abc import Callable, Collection, Iterator
from contextlib import AbstractContextManager, suppress
from pathlib import Path

from initramfs.imaging.errors import Missing, Unavailable
from initramfs.imaging.format.header import NAME
from provisioner.stores.directory.ingest import DirectoryIngest, ingest
from provisioner.stores.directory.places import REMOVED, Places
from provisioner.stores.directory.publish import number_of
from provisioner.stores.directory.sweep import Keep, stored, sweep
from provisioner.stores.errors import NoImageError
from provisioner.stores.files import failing, sync_folder, write_new
from provisioner.stores.names import GENERATION, Reference, Wanted, check_name

LIST_HINT = "'clonesys image list' shows what there is"


class DirectoryStore:
    """A PrunableStore in a directory. The directory is made when first written to."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.places = Places(root)
        self._digests: dict[tuple[str, int], bytes] = {}

    # --- chunks ----------------------------------------------------------------------------------------

    def chunk_path(self, digest: bytes) -> Path:
        """Where the object of a chunk lies."""
        return self.places.chunk(digest)

    def fetch(self, digest: bytes) -> bytes:
        """See Store. Whoever uses a chunk checks it; this does not."""
        path = self.chunk_path(digest)
        try:
            return path.read_bytes()
        except FileNotFoundError as error:
            raise Missing(
                digest, f"the store {self.root} does not have it", "'clonesys image verify' names the images"
            ) from error
        except OSError as error:
            raise Unavailable(
                digest, f"cannot be read: {error.strerror}", "look at the store's disk"
            ) from error

    def chunks(self) -> Iterator[bytes]:
        """See PrunableStore."""
        return stored(self.places)

    def replace(self, digest: bytes, data: bytes) -> None:
        """Put a whole object where a corrupt or missing one is; the corrupt one is set aside."""
        path = self.chunk_path(digest)
        self.places.make()
        with self.places.lock(), failing("repair a chunk", path):
            path.parent.mkdir(parents=True, exist_ok=True)
            new = self.places.incoming / f"{uuid.uuid4().hex}.repair"
            write_new(new, data, durable=True)
            if path.exists():
                self.set_aside(digest)
            new.rename(path)
            sync_folder(path.parent)

    # --- manifests -------------------------------------------------------------------------------------

    def names(self) -> list[str]:
        """See Store."""
        return sorted(
            path.name
            for path in self.places.manifests.glob("*")
            if NAME.fullmatch(path.name) and self.generations(path.name)
        )

    def generations(self, name: str) -> list[int]:
        """See Store."""
        files = (self.places.manifests / check_name(name)).glob("*")
        return sorted(int(path.name) for path in files if GENERATION.fullmatch(path.name))

    def resolve(self, text: str) -> Reference:
        """See Store."""
        wanted = Wanted.parse(text)
        there = self.generations(wanted.name)
        if not there:
            raise NoImageError(f"there is no image {wanted.name}", LIST_HINT)
        generation = wanted.generation or there[-1]
        if generation not in there:
            have = ", ".join(map(str, there))
            raise NoImageError(f"there is no image {wanted.name}@{generation}", f"its generations: {have}")
        return Reference(wanted.name, generation, self._digest(wanted.name, generation))

    def manifest(self, reference: Reference) -> bytes:
        """See Store. Also of a removed image, as long as a job needs it."""
        return self._read(reference.name, reference.generation)

    def find(self, digest: bytes) -> Reference | None:
        """See Store. Also a removed image, as long as a job needs it."""
        for name in self.names():
            for generation in self.generations(name):
                if self._digest(name, generation) == digest:
                    return Reference(name, generation, digest)
        return next((gone for gone in self.removed() if gone.digest == digest), None)

    def removed(self) -> list[Reference]:
        """See PrunableStore."""
        paths = [path for path in self.places.manifests.glob(f"*/*{REMOVED}") if path.stat().st_size]
        found = [(path.parent.name, number_of(path)) for path in sorted(paths)]
        return [Reference(name, number, self._digest(name, number)) for name, number in found]

    # --- adding ----------------------------------------------------------------------------------------

    def ingest(self) -> AbstractContextManager[DirectoryIngest]:
        """See WritableStore."""
        return ingest(self.places)

    # --- throwing away ---------------------------------------------------------------------------------

    def hold(self) -> AbstractContextManager[None]:
        """While the body runs, nothing is deleted: for naming an image and queueing a job that needs it."""
        self.places.make()
        return self.places.lock()

    def remove(self, reference: Reference) -> None:
        """See PrunableStore. The file stays, under another name: a queued job may need it."""
        path = self.places.manifest(reference.name, reference.generation)
        if not path.exists():
            raise NoImageError(f"there is no image {reference}", LIST_HINT)
        with failing(f"remove {reference}", path):
            path.rename(self.places.removed(reference.name, reference.generation))
            sync_folder(path.parent)

    def forget(self, pinned: Callable[[], Collection[bytes]]) -> None:
        """See PrunableStore. An empty file keeps the generation's number from being given again."""
        self.places.make()
        with self.places.lock(exclusive=True), failing("forget removed images", self.root):
            needed = pinned()
            for gone in self.removed():
                if gone.digest not in needed:
                    os.truncate(self.places.removed(gone.name, gone.generation), 0)
                    self._digests.pop((gone.name, gone.generation), None)

    def prune(
        self, keep: Keep, *, uploading: Callable[[], bool] = lambda: False, now: float | None = None
    ) -> tuple[int, int]:
        """See PrunableStore."""
        self.places.make()
        return sweep(self.places, keep, uploading=uploading, now=time.time() if now is None else now)

    def set_aside(self, digest: bytes) -> Path:
        """Move a corrupt chunk away, so that the next capture stores it anew; where to."""
        folder = self.places.corrupt
        with failing("set a chunk aside", folder):
            folder.mkdir(exist_ok=True)
            return self.chunk_path(digest).rename(folder / digest.hex())

    # --- files -----------------------------------------------------------------------------------------

    def _read(self, name: str, generation: int) -> bytes:
        with suppress(FileNotFoundError):
            return self.places.manifest(name, generation).read_bytes()  # also one that a crash has emptied
        with suppress(FileNotFoundError):
            if kept := self.places.removed(name, generation).read_bytes():
                return kept
        raise NoImageError(f"there is no image {name}@{generation}", LIST_HINT)

    def _digest(self, name: str, generation: int) -> bytes:
        """Manifests never change, so their digests are worth remembering."""
        known = self._digests.get((name, generation))
        if known is None:
            known = hashlib.sha256(self._read(name, generation)).digest()
            self._digests[name, generation] = known
        return known

"""The store out of the box: a directory, also on an NFS or SMB mount.

::

    chunks/ab/<64 hex digits>     objects, immutable
    manifests/NAME/GENERATION     signed files, immutable
    manifests/NAME/N.new          one that is just being written
    manifests/NAME/N.removed      keeps a removed generation's number from being given again
    incoming/                     chunks of captures under way
    corrupt/                      what an audit has set aside
    lock                          shared by captures, exclusive for pruning
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path

from initramfs.agent.disk.errors import Missing, Unavailable
from provisioner.store.errors import NoImageError
from provisioner.store.files import failing, locked, sync_folder, write_new
from provisioner.store.ingest import DirectoryIngest
from provisioner.store.names import GENERATION, NAME, Reference, Wanted, check_name
from provisioner.store.protocol import Sign

REMOVED = ".removed"
CLAIMED = ".new"
LIST_HINT = "'clonesys image list' shows what there is"


class DirectoryStore:
    """A PrunableStore in a directory. The directory is made when first written to."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._digests: dict[tuple[str, int], str] = {}

    # --- chunks ----------------------------------------------------------------------------------------

    def chunk_path(self, digest: bytes) -> Path:
        """Where the object of a chunk lies."""
        name = digest.hex()
        return self.root / "chunks" / name[:2] / name

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
        for path in (self.root / "chunks").glob("*/*"):
            with contextlib.suppress(ValueError):  # something that a person left there
                yield bytes.fromhex(path.name)

    # --- manifests -------------------------------------------------------------------------------------

    def names(self) -> list[str]:
        """See Store."""
        folder = self.root / "manifests"
        return sorted(
            path.name
            for path in folder.glob("*")
            if NAME.fullmatch(path.name) and self.generations(path.name)
        )

    def generations(self, name: str) -> list[int]:
        """See Store."""
        files = (self.root / "manifests" / check_name(name)).glob("*")
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
        """See Store."""
        return self._read(reference.name, reference.generation)

    def find(self, digest: str) -> Reference | None:
        """See Store."""
        for name in self.names():
            for generation in self.generations(name):
                if self._digest(name, generation) == digest:
                    return Reference(name, generation, digest)
        return None

    # --- adding ----------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def ingest(self) -> Iterator[DirectoryIngest]:
        """See WritableStore."""
        with failing("make the store", self.root):
            for name in ("chunks", "manifests", "incoming"):
                (self.root / name).mkdir(parents=True, exist_ok=True)
        with locked(self.root / "lock", exclusive=False):
            ingest = DirectoryIngest(self.root / "incoming", self.chunk_path, self.add_manifest)
            try:
                yield ingest
            finally:
                ingest.abandon()

    def add_manifest(self, name: str, sign: Sign) -> Reference:
        """Let a manifest appear as the next generation. Its chunks must be durable already."""
        folder = self.root / "manifests" / check_name(name)
        with failing(f"add a generation of {name}", folder):
            folder.mkdir(exist_ok=True)
            sync_folder(folder.parent)
            while True:
                generation = 1 + max(map(_number, folder.glob("*")), default=0)
                data = sign(generation)
                if _publish(folder / str(generation), data):
                    return Reference(name, generation, hashlib.sha256(data).hexdigest())

    # --- throwing away ---------------------------------------------------------------------------------

    def remove(self, reference: Reference) -> None:
        """See PrunableStore."""
        path = self._path(reference.name, reference.generation)
        if not path.exists():
            raise NoImageError(f"there is no image {reference}", LIST_HINT)
        with failing(f"remove {reference}", path):
            path.with_name(path.name + REMOVED).touch()
            path.unlink()
            sync_folder(path.parent)

    def prune(self, keep: Callable[[], set[bytes]]) -> tuple[int, int]:
        """See PrunableStore."""
        count = size = 0
        with locked(self.root / "lock", exclusive=True), failing("prune chunks", self.root):
            for path in (self.root / "incoming").glob("*"):
                path.unlink()  # nobody captures: these were left by a crash
            kept = keep()
            for digest in self.chunks():
                if digest not in kept:
                    path = self.chunk_path(digest)
                    count, size = count + 1, size + path.stat().st_size
                    path.unlink()
        return count, size

    def set_aside(self, digest: bytes) -> Path:
        """Move a corrupt chunk away, so that the next capture stores it anew; where to."""
        folder = self.root / "corrupt"
        with failing("set a chunk aside", folder):
            folder.mkdir(exist_ok=True)
            return self.chunk_path(digest).rename(folder / digest.hex())

    # --- files -----------------------------------------------------------------------------------------

    def _path(self, name: str, generation: int) -> Path:
        return self.root / "manifests" / check_name(name) / str(generation)

    def _read(self, name: str, generation: int) -> bytes:
        path = self._path(name, generation)
        try:
            return path.read_bytes()
        except FileNotFoundError as error:
            raise NoImageError(f"there is no image {name}@{generation}", LIST_HINT) from error

    def _digest(self, name: str, generation: int) -> str:
        """Manifests never change, so their digests are worth remembering."""
        known = self._digests.get((name, generation))
        if known is None:
            known = hashlib.sha256(self._read(name, generation)).hexdigest()
            self._digests[name, generation] = known
        return known


def _publish(path: Path, data: bytes) -> bool:
    """Let a file appear whole, and never over another; False if another capture was faster.

    The name beside it is the claim: who has made it alone may look whether ``path`` is
    free. (A hard link would do it in one step, but not every mounted server has those.)
    """
    claim = path.with_name(path.name + CLAIMED)
    try:
        write_new(claim, data, durable=True)
    except FileExistsError:
        return False
    if path.exists():
        claim.unlink()
        return False
    claim.rename(path)
    sync_folder(path.parent)
    return True


def _number(path: Path) -> int:
    """The generation that this file is, was, or will be."""
    text = path.name.removesuffix(REMOVED).removesuffix(CLAIMED)
    return int(text) if GENERATION.fullmatch(text) else 0

"""The manifests of a directory store: found, published, removed, forgotten.

A manifest appears whole, as the next generation, and never over another one. A removed one stays under
another name until it is forgotten; then an empty file keeps its number from being given again.
"""

from __future__ import annotations

import hashlib
import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from initramfs.imaging.format.index import RECORD
from initramfs.imaging.format.manifest import MAX_RECORDS
from initramfs.imaging.format.signed import MAX_FILE
from initramfs.messages import IMAGE_NAME
from provisioner.base import durable
from provisioner.base.durable import sync
from provisioner.base.ownership import make_folder
from provisioner.stores.directory.places import REMOVED, Places
from provisioner.stores.errors import NoImageError
from provisioner.stores.files import failing, write_new
from provisioner.stores.kinds import check_kind
from provisioner.stores.names import GENERATION, Reference, Wanted, check_name
from provisioner.stores.protocols import Keep, Sign

if TYPE_CHECKING:
    from collections.abc import Iterator

CLAIMED = ".new"
LIST_HINT = "'clonesys image list' shows what there is"


class DirectoryCatalogue:
    """The PrunableCatalogue of a directory store."""

    def __init__(self, places: Places) -> None:
        self.places = places
        self._digests: dict[tuple[str, int], bytes] = {}

    def names(self) -> list[str]:
        with failing("list the images", self.places.manifests), suppress(FileNotFoundError):
            os.scandir(self.places.manifests).close()  # glob finds nothing, in silence, where it may not look
        return sorted(
            path.name
            for path in self.places.manifests.glob("*")
            if IMAGE_NAME.fullmatch(path.name) and self.generations(path.name)
        )

    def generations(self, name: str) -> list[int]:
        files = (self.places.manifests / check_name(name)).glob("*")
        return sorted(int(path.name) for path in files if GENERATION.fullmatch(path.name))

    def resolve(self, text: str) -> Reference:
        wanted = Wanted.parse(text)
        there = self.generations(wanted.name)
        if not there:
            raise NoImageError(f"there is no image {wanted.name}", LIST_HINT)
        generation = self._promoted(wanted.name) if wanted.promoted else wanted.generation or there[-1]
        if generation not in there:
            have = ", ".join(map(str, there))
            raise NoImageError(f"there is no image {wanted.name}@{generation}", f"its generations: {have}")
        return Reference(wanted.name, generation, self._digest(wanted.name, generation))

    def promoted(self, name: str) -> int | None:
        try:
            text = self.places.promoted(name).read_text()
        except FileNotFoundError:
            return None
        return int(text) if GENERATION.fullmatch(text) else None

    def promote(self, reference: Reference) -> None:
        path = self.places.promoted(reference.name)
        with self.places.lock(), failing(f"promote {reference}", path):
            if not self.places.manifest(reference.name, reference.generation).exists():
                raise NoImageError(f"there is no image {reference}", LIST_HINT)
            durable.replace(path, str(reference.generation).encode())

    def _promoted(self, name: str) -> int:
        found = self.promoted(name)
        if found is None:
            raise NoImageError(
                f"no generation of {name} is promoted",
                f"'clonesys image promote {name}@GENERATION' says which one hosts get",
            )
        return found

    def manifest(self, reference: Reference) -> bytes:
        return self._read(reference.name, reference.generation)

    def find(self, digest: bytes) -> Reference | None:
        for name in self.names():
            for generation in self.generations(name):
                if self._digest(name, generation) == digest:
                    return Reference(name, generation, digest)
        return next((gone for gone in self.removed() if gone.digest == digest), None)

    def remove(self, reference: Reference) -> None:
        path = self.places.manifest(reference.name, reference.generation)
        if not path.exists():
            raise NoImageError(f"there is no image {reference}", LIST_HINT)
        with failing(f"remove {reference}", path):
            path.rename(self.places.removed(reference.name, reference.generation))
            if self.promoted(reference.name) == reference.generation:
                self.places.promoted(reference.name).unlink()
            sync(path.parent)

    def removed(self) -> list[Reference]:
        paths = [path for path in self.places.manifests.glob(f"*/*{REMOVED}") if path.stat().st_size]
        found = [(path.parent.name, _number_of(path)) for path in sorted(paths)]
        return [Reference(name, number, self._digest(name, number)) for name, number in found]

    def forget(self, keep: Keep) -> None:
        self.places.make()
        with self.places.lock(exclusive=True), failing("forget removed images", self.places.root):
            needed = keep()
            for gone in self.removed():
                if gone.digest not in needed:
                    os.truncate(self.places.removed(gone.name, gone.generation), 0)
                    self._digests.pop((gone.name, gone.generation), None)

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


def publish(places: Places, name: str, sign: Sign) -> Reference:
    """Let a manifest appear as the next generation. Its chunks must be durable already.

    Raises StoreError, KindError.
    """
    folder = places.manifests / check_name(name)
    with failing(f"add a generation of {name}", folder):
        make_folder(folder)
        sync(folder.parent)
        while True:
            generation = 1 + max(map(_number_of, folder.glob("*")), default=0)
            data = sign(generation)
            check_kind(name, data, _manifests(folder))
            if _appear(folder / str(generation), data):
                return Reference(name, generation, hashlib.sha256(data).digest())


def _manifests(folder: Path) -> Iterator[bytes]:
    """What begins the manifests of an image, oldest first."""
    numbers = sorted(int(path.name) for path in folder.glob("*") if GENERATION.fullmatch(path.name))
    for number in numbers:
        with suppress(FileNotFoundError), (folder / str(number)).open("rb") as file:  # removed meanwhile
            yield file.read(MAX_FILE - MAX_RECORDS * RECORD.size)


def _number_of(path: Path) -> int:
    """The generation that this file is, was, or will be; 0 for what people leave in a store."""
    text = path.name.removesuffix(REMOVED).removesuffix(CLAIMED)
    return int(text) if GENERATION.fullmatch(text) else 0


def _appear(path: Path, data: bytes) -> bool:
    """Write a file at once; False if another capture was faster."""
    # The name beside it is the claim: only its maker may look whether ``path`` is free. (A hard link would
    # do it in one step, but not every mounted server has those.)
    claim = path.with_name(path.name + CLAIMED)
    try:
        write_new(claim, data, durable=True)
    except FileExistsError:
        return False
    if path.exists():
        claim.unlink()
        return False
    claim.rename(path)
    sync(path.parent)
    return True

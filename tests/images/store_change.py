"""One change of a directory store in a process of its own: ``store_change ROOT VERB SOURCE``.

To be recorded or killed from outside. The chunks are small, so that much happens to little data.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from initramfs.imaging.capture.capture import Facts
from initramfs.imaging.format.signed import encode
from provisioner.images.operations import Options, add_image
from provisioner.images.prune import prune
from provisioner.stores.directory.store import DirectoryStore
from tests.images.in_memory import KEY, PUBLIC, capture_file

NAME = "sda5_Data"
CHUNK = 1 << 16
OWNER = "job-7"


def capture(store: DirectoryStore, source: Path) -> None:
    """The next generation."""
    add_image(store, KEY, source, Facts(NAME), Options(chunk_size=CHUNK))


def upload(store: DirectoryStore, source: Path) -> None:
    """The next generation as an agent brings it."""
    image = capture_file(source, NAME, chunk_size=CHUNK)
    for digest in store.uploads.missing(OWNER, list(image.chunks)):
        store.uploads.put(OWNER, digest, image.chunks[digest])

    def sign(generation: int) -> bytes:
        return encode(replace(image.manifest.header, generation=generation), image.manifest.index, KEY)

    store.uploads.commit(OWNER, NAME, list(image.chunks), sign)


def remove(store: DirectoryStore, _source: Path) -> None:
    """The oldest generation goes, and every chunk that only it needs."""
    store.remove(store.resolve(f"{NAME}@1"))
    prune(store, PUBLIC)


def repair(store: DirectoryStore, source: Path) -> None:
    """What is corrupt comes anew, as from another store."""
    for digest, data in capture_file(source, NAME, chunk_size=CHUNK).chunks.items():
        if store.fetch(digest) != data:
            store.replace(digest, data)


VERBS: dict[str, Callable[[DirectoryStore, Path], None]] = {
    "capture": capture,
    "upload": upload,
    "remove": remove,
    "repair": repair,
}


if __name__ == "__main__":
    VERBS[sys.argv[2]](DirectoryStore(Path(sys.argv[1])), Path(sys.argv[3]))

"""Chunks that agents send, and the images they make of them.

One pool for all hosts: what two of them have in common is sent once, and an upload that is cut off goes on
where it was. The pool's folder is named after this boot of the server: what an earlier one left may not have
reached the disk, so it is checked before it counts.
"""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path

from initramfs.imaging.errors import Corrupt
from provisioner.base.ownership import make_folder
from provisioner.stores.directory.incoming import RELIED, Incoming
from provisioner.stores.directory.places import Places
from provisioner.stores.errors import IncompleteError
from provisioner.stores.files import failing
from provisioner.stores.names import Reference
from provisioner.stores.protocols import Sign
from provisioner.stores.wrappers import check

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


class Uploads:
    """The UploadPool of a directory store."""

    def __init__(self, places: Places) -> None:
        self._places = places

    def missing(self, owner: str, digests: Sequence[bytes]) -> list[bytes]:
        incoming = self._incoming(owner)
        there = incoming.has(digests)
        return [digest for digest in digests if digest not in there and not self._adopt(incoming, digest)]

    def put(self, owner: str, digest: bytes, data: bytes) -> None:
        check(digest, data)
        self._incoming(owner).put(digest, data)

    def commit(self, owner: str, name: str, digests: Collection[bytes], sign: Sign) -> Reference:
        absent = self.missing(owner, list(digests))
        if absent:
            raise IncompleteError(f"{len(absent)} chunks of {name} have not arrived", "send them again")
        incoming = self._incoming(owner)
        reference = incoming.commit(self._pooled(incoming, digests), name, sign)
        self.forget(owner)
        return reference

    def forget(self, owner: str) -> None:
        for note in self._places.uploads.glob(f"*/{owner}.{RELIED}"):
            note.unlink(missing_ok=True)

    def _incoming(self, owner: str) -> Incoming:
        self._places.make()
        folder = self._places.uploads / BOOT_ID.read_text().strip()
        with failing("begin an upload", folder):
            make_folder(folder)
        return Incoming(self._places, folder, f"{owner}.{RELIED}")

    @staticmethod
    def _pooled(incoming: Incoming, digests: Iterable[bytes]) -> list[bytes]:
        return [digest for digest in digests if incoming.path(digest).exists()]

    def _adopt(self, incoming: Incoming, digest: bytes) -> bool:
        """Take over a chunk from before the last boot, if it is whole."""
        for old in self._places.uploads.glob(f"*/{digest.hex()}"):
            with contextlib.suppress(OSError):  # another worker was faster
                data = old.read_bytes()
                try:
                    check(digest, data)
                except Corrupt:
                    old.unlink()
                else:
                    old.rename(incoming.path(digest))
                    return True
        return False

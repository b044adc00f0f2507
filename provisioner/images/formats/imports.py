"""Other programs' images, made into raw, sparse files that can be captured.

Knows raw files and the ``KINDS``, each also compressed (``streams``), and Clonezilla's folders. Everything is
unpacked below one folder, and gone at the end.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from provisioner.images.formats import clonezilla, partclone, qcow2, streams
from provisioner.images.formats.streams import head_of, unpacked
from provisioner.stores.errors import StoreError
from provisioner.stores.files import failing

KINDS: dict[bytes, Callable[[IO[bytes], Path], None]] = {
    partclone.MAGIC: partclone.restore,
    qcow2.MAGIC: qcow2.restore,
}
"""What makes a raw file of an image, by the image's first bytes."""


@contextmanager
def raw_file(source: Path, folder: Path) -> Iterator[Path]:
    """``source`` as a raw file: itself, if it is one; else unpacked below ``folder``.

    Raises StoreError for a missing, damaged, truncated or unknown one, ToolError.
    """
    if not source.exists():
        raise StoreError(f"there is no {source}", "name a file, or the folder of a Clonezilla image")
    with workspace(folder) as work:
        if source.is_dir():
            yield clonezilla.rebuild(source, work)
            return
        with unpacked((source,)) as stream:
            head = head_of(stream)
            packed = not _same_head(source, head)
            if packed or head.startswith(tuple(KINDS)):
                unpack(stream, work / "raw")
                source = work / "raw"
        yield source


@contextmanager
def workspace(folder: Path) -> Iterator[Path]:
    """A new folder below ``folder``, deleted at the end. Raises StoreError."""
    with failing("unpack", folder):
        folder.mkdir(parents=True, exist_ok=True)
        work = Path(tempfile.mkdtemp(dir=folder, prefix="import-"))
    try:
        yield work
    finally:
        shutil.rmtree(work)


def unpack(stream: IO[bytes], target: Path) -> None:
    """Write what a stream holds as a raw, sparse file. Raises StoreError, ToolError."""
    head = head_of(stream)
    kind = next((magic for magic in KINDS if head.startswith(magic)), None)
    write = KINDS[kind] if kind else streams.write_sparse
    write(stream, target)


def _same_head(path: Path, head: bytes) -> bool:
    with failing("read", path), path.open("rb") as file:
        return file.read(len(head)) == head

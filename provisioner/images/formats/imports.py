"""Other people's images, made into raw, sparse files that can be captured.

Knows raw files, qcow2 and partclone's images, each also compressed (``streams``); folders of Clonezilla
are in ``clonezilla``. Everything is unpacked below one folder of the store, and gone at the end.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from initramfs.imaging.errors import ToolError
from initramfs.imaging.run import run
from provisioner.images.formats import clonezilla, streams
from provisioner.images.formats.partclone import MAGIC as PARTCLONE
from provisioner.images.formats.partclone import restore
from provisioner.images.formats.streams import head_of, unpacked
from provisioner.stores.errors import StoreError
from provisioner.stores.files import failing

QCOW2 = b"QFI\xfb"


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
            if packed or head.startswith((QCOW2, PARTCLONE)):
                source = unpack(stream, work / "raw")
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


def unpack(stream: IO[bytes], target: Path) -> Path:
    """Write what a stream holds as a raw, sparse file. Raises StoreError, ToolError."""
    head = head_of(stream)
    if head.startswith(PARTCLONE):
        restore(stream, target)
        return target
    streams.write_sparse(stream, target)
    if head.startswith(QCOW2):
        return from_qcow2(target, target.with_suffix(".qcow2"))
    return target


def from_qcow2(target: Path, moved: Path) -> Path:
    """Make the qcow2 file ``target`` a raw one. Raises StoreError if qemu-img is missing or refuses.

    A backing file is refused: whoever made the image could name any file of ours.
    """
    target.rename(moved)
    information = qemu_img("info", "-f", "qcow2", "--output", "json", moved)
    if '"backing-filename"' in information or '"data-file"' in information:
        raise StoreError("the qcow2 image needs another file", "make one file of it with 'qemu-img convert'")
    qemu_img("convert", "-f", "qcow2", "-O", "raw", moved, target)
    moved.unlink()
    return target


def qemu_img(*words: str | Path) -> str:
    """Run qemu-img. Raises StoreError."""
    if shutil.which("qemu-img") is None:
        raise StoreError("qemu-img is not installed", "qcow2 needs it: apt install qemu-utils")
    try:
        return run("qemu-img", *map(str, words)).stdout
    except ToolError as error:
        raise StoreError(error.message, error.hint) from error


def _same_head(path: Path, head: bytes) -> bool:
    with failing("read", path), path.open("rb") as file:
        return file.read(len(head)) == head

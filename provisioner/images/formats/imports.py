"""Other programs' images, made into raw, sparse files that can be captured.

Everything is known by its content: what is packed is unpacked, what has a program that reads it is converted,
what is known and cannot be read is refused by name, and so is what is not known. Everything is unpacked below
one folder, and gone at the end.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path

from provisioner.base.ownership import make_folder
from provisioner.images.formats import clonezilla, fog, partclone, pieces, qemu, raw, streams
from provisioner.images.formats.saved_disk import SavedDisk, rebuild_disk, rebuild_partition
from provisioner.images.sector_size import sector_size_of_file
from provisioner.stores.errors import StoreError
from provisioner.stores.files import failing


class Given(StrEnum):
    """What a file is said to be, where its content shall not tell."""

    RAW = "raw"


@dataclass(frozen=True, slots=True)
class Source:
    """What to import, and what is said of it.

    Attributes:
        path: a file, the first of several pieces, or the folder of a Clonezilla or FOG image.
        given: what the file is, as its owner says.
        sector_size: of the disk; recognised if it is not said.
        disk: of a folder with several: ``sda``, ``d1``.
        partition: only this one of a folder.
        empty: partitions of a folder that may be missing, and become zeros.
    """

    path: Path
    given: Given | None = None
    sector_size: int | None = None
    disk: str = ""
    partition: int | None = None
    empty: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Raw:
    """What became of it: a raw file (the source itself, if it is one), and notes for people.

    ``chosen``: it is the one partition that was asked for. ``opaque``: it can only be kept as one piece.
    """

    path: Path
    sector_size: int
    notes: tuple[str, ...] = ()
    chosen: bool = False
    opaque: bool = False


@contextmanager
def raw_file(source: Source, folder: Path) -> Iterator[Raw]:
    """``source`` as a raw file: itself, if it is one; else unpacked below ``folder``.

    Raises StoreError for a missing, damaged, truncated or unknown one, DiskError.
    """
    with workspace(folder) as work:
        if not source.path.is_dir():
            yield _of_file(source, work / "raw")
            return
        if source.given:
            raise StoreError(f"{source.path} is a folder, and not raw", "leave out --format")
        saved = saved_disk(source)
        if saved is None:
            yield _of_file(replace(source, path=fog.whole_disk(source.path)), work / "raw")
            return
        yield _of_folder(source, saved, work / "raw")


def saved_disk(source: Source) -> SavedDisk | None:
    """What a folder holds, None if it is all in the pieces of one file. Raises StoreError."""
    if fog.is_folder(source.path):
        return fog.read(source.path, source.disk)
    if clonezilla.is_folder(source.path):
        return clonezilla.read(source.path, source.disk)
    fog.whole_disk(source.path)
    return None


def _of_folder(source: Source, saved: SavedDisk, target: Path) -> Raw:
    only = source.partition if source.partition is not None else saved.only
    if only is None:
        notes = rebuild_disk(saved, target, frozenset(source.empty))
    else:
        notes = rebuild_partition(saved, only, target)
    return Raw(target, source.sector_size or saved.table.sector_size, notes, chosen=only is not None)


def _of_file(source: Source, target: Path) -> Raw:
    notes: tuple[str, ...] = ()
    with streams.unpacked(pieces.of_file(source.path)) as content:
        if source.given is Given.RAW:
            path = _plain(content, target)
            size = source.sector_size or sector_size_of_file(path)
            return Raw(path, size, opaque=raw.is_opaque(path, size))
        path, said = target, True
        if content.head.startswith(partclone.MAGIC):
            notes = partclone.restore(content, target).notes
        elif kind := qemu.kind_of(content.head):
            qemu.restore(content, kind, target)
        else:
            _refuse_foreign(content)
            path, said = _by_end(_plain(content, target), target), False
    size = source.sector_size or sector_size_of_file(path)
    return Raw(path, size, (*notes, *raw.believe(path, size, said=said)))


def _by_end(path: Path, target: Path) -> Path:
    """The disk in a file that only its end tells from a raw one; else the file."""
    kind = qemu.kind_by_end(path)
    if not kind:
        return path
    disk = target.with_suffix(".disk")
    qemu.convert(path, kind, disk)
    return disk


def _refuse_foreign(content: streams.Content) -> None:
    """An ISO image may be a disk, too: what its table says, decides later."""
    if not raw.has_table(content.head):
        content.refuse_foreign()


def _plain(content: streams.Content, target: Path) -> Path:
    if content.plain is not None:
        return content.plain
    streams.write_sparse(content, target)
    return target


@contextmanager
def workspace(folder: Path) -> Iterator[Path]:
    """A new folder below ``folder``, deleted at the end. Raises StoreError."""
    with failing("unpack", folder):
        make_folder(folder)
        work = Path(tempfile.mkdtemp(dir=folder, prefix="import-"))
    try:
        yield work
    finally:
        shutil.rmtree(work)

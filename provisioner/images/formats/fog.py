"""FOG's image folders.

What is in one (FOS, which makes them, is the specification: ``funcs.sh`` and ``partition-funcs.sh``):

=================================  =====================================================
``d1.partitions``                  the partition table of the first disk, as ``sfdisk --dump`` prints it;
                                   once called ``d1.original.partitions``
``d1.minimum.partitions``          of a resizable image: the table with its file systems made smaller
``d1.mbr``                         of an MBR: what lies before the first partition, 1 MiB at most;
                                   of a GPT: the backup that ``sgdisk --backup`` makes
``d1.grub.mbr``, ``d1.has_grub``   of a GPT with GRUB: what lies before the first partition; of an MBR: a mark
``d1.fixed_size_partitions``       the numbers of those that are not made smaller, between colons
``d1.original.swapuuids``          lines of a swap area's number (or device) and its UUID
``d1.size``                        of images of several disks: ``1:`` and the bytes of the disk
``d1p1.img``                       partclone's image: gzip, zstd, or as it is; pieces are ``.img.000``, …
``d1p4.ebr``                       the first sector of an extended partition, or an empty mark for one;
                                   of a logical one (``d1p5.ebr``) that of its content, which is in its image
``d1p2.lvm``, ``d1p2.root.img``    volumes of LVM one by one
``NAME.000``, …                    the only files of a "raw" image: partclone's of the whole disk
=================================  =====================================================

Not supported, and refused by name: LVM, images by partimage, and the folders of FOG 0.29 (``sys.img.000``).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from provisioner.images.formats.folder import names_in, read_bytes, read_text
from provisioner.images.formats.pieces import in_order
from provisioner.images.formats.saved_disk import Saved, SavedDisk, Swap
from provisioner.images.formats.saved_table import GPT_MAGIC, SECTOR, WHOLE, SavedTable
from provisioner.stores.errors import StoreError

NAMES = re.compile(r"d(\d+)(?:\.(?:mbr|partitions|original\.partitions)|p\d+\.(?:img|lvm)(?:\.\d{3})?)")
IMAGE = re.compile(r"d(?P<disk>\d+)p(?P<part>\d+)\.img(?:\.\d{3})?")
RECORD = re.compile(r"d(?P<disk>\d+)p(?P<part>\d+)\.ebr")
VOLUMES = re.compile(r"d\d+p\d+\.lvm")
FIRST_LOGICAL = 5
TABLES = ("partitions", "original.partitions", "minimum.partitions")
"""The table that the machine had, before any other."""


def is_folder(folder: Path) -> bool:
    """Whether this is one of FOG's. Raises StoreError for one of FOG 0.29."""
    names = names_in(folder)
    if {"sys.img.000", "rec.img.000"} & set(names):
        raise StoreError(
            f"{folder} is an image of FOG 0.29, whose partition table lies in FOG itself",
            "import its files one by one: clonesys image import sys.img.000 sda2_NAME",
        )
    return any(NAMES.fullmatch(name) for name in names)


def read(folder: Path, wanted: str = "") -> SavedDisk:
    """One disk of a folder: ``wanted`` (``d2``), or the only one. Raises StoreError."""
    names = names_in(folder)
    disks = sorted({f"d{match[1]}" for name in names if (match := NAMES.fullmatch(name))})
    if wanted and wanted not in disks:
        raise StoreError(f"{folder} has no disk {wanted}", f"it has: {', '.join(disks)}")
    if not wanted and len(disks) > 1:
        raise StoreError(
            f"{folder} holds {len(disks)} disks: {', '.join(disks)}", "import them one by one: --disk d1"
        )
    name = wanted or disks[0]
    volumes = [other for other in names if VOLUMES.fullmatch(other) and other.startswith(f"{name}p")]
    if volumes:
        raise StoreError(
            f"FOG has saved the volumes of LVM in {folder} one by one ({', '.join(volumes)})",
            "here a partition with LVM is kept whole: deploy the image with FOG once, and capture that disk",
        )
    return _disk(folder, name, names)


def whole_disk(folder: Path) -> Path:
    """The first piece of a "raw" image, where a folder holds nothing else. Raises StoreError."""
    names = names_in(folder)
    first = [name for name in names if name.endswith(".000")]
    if len(first) == 1 and all(name.startswith(first[0][:-3]) for name in names):
        return folder / first[0]
    raise StoreError(
        f"{folder} is no image folder that is known: neither Clonezilla's (parts, sda-pt.sf) "
        f"nor FOG's (d1.mbr, d1p1.img)",
        "name the folder of one image; or a file",
    )


def _disk(folder: Path, name: str, names: list[str]) -> SavedDisk:
    dump = next((text for suffix in TABLES if (text := read_text(folder / f"{name}.{suffix}")).strip()), "")
    before = read_bytes(folder / f"{name}.mbr")
    gpt = before.startswith(GPT_MAGIC, SECTOR)
    if not dump and not before:
        raise StoreError(f"{folder} has no {name}.partitions", WHOLE)
    grub = read_bytes(folder / f"{name}.grub.mbr")
    size = read_text(folder / f"{name}.size").partition(":")[2].strip()
    parts = dict(_parts(folder, name, names))
    return SavedDisk(
        name=name,
        table=SavedTable(name, _with_label(dump), _without_backup(before) if gpt else before),
        size=int(size) if size.isdigit() else None,
        sector=(grub if gpt and grub else before)[:SECTOR],
        gap=b"" if gpt else before[SECTOR:],
        records=dict(_records(folder, name, names)),
        parts=parts,
        swaps=dict(_swaps(read_text(folder / f"{name}.original.swapuuids"))),
        shrunken=_shrunken(folder, name, parts.keys()),
    )


def _without_backup(saved: bytes) -> bytes:
    """The start of the disk, of what sgdisk keeps: between header and entries lies the backup's header."""
    return saved[: 2 * SECTOR] + saved[3 * SECTOR :]


def _with_label(table: str) -> str:
    """An old sfdisk dumped MBRs only, and did not say so."""
    return f"label: dos\n{table}" if table and "label:" not in table else table


def _parts(folder: Path, disk: str, names: list[str]) -> Iterator[tuple[int, Saved]]:
    pieces: dict[str, list[Path]] = {}
    for name in names:
        match = IMAGE.fullmatch(name)
        if match and f"d{match['disk']}" == disk:
            pieces.setdefault(match["part"], []).append(folder / name)
    for part, found in pieces.items():
        yield int(part), Saved(in_order(f"{disk}p{part}.img", found))


def _records(folder: Path, disk: str, names: list[str]) -> Iterator[tuple[int, bytes]]:
    for name in names:
        match = RECORD.fullmatch(name)
        if match and f"d{match['disk']}" == disk and int(match["part"]) < FIRST_LOGICAL:
            yield int(match["part"]), read_bytes(folder / name)


def _swaps(text: str) -> Iterator[tuple[int, Swap]]:
    """Lines of ``5 UUID``; earlier ``/dev/sda5 UUID``."""
    for line in text.splitlines():
        match = re.fullmatch(r"(?:\S*?[a-z])?(\d+)\s+([0-9A-Fa-f-]+)", line.strip())
        if match:
            yield int(match[1]), Swap(match[2])


def _shrunken(folder: Path, disk: str, parts: Iterable[int]) -> frozenset[int]:
    """Of a resizable image all but the fixed ones."""
    if not read_text(folder / f"{disk}.minimum.partitions").strip():
        return frozenset()
    fixed = {int(word) for word in re.findall(r"\d+", read_text(folder / f"{disk}.fixed_size_partitions"))}
    return frozenset(parts) - fixed

"""Clonezilla's image folders.

What is in such a folder (Clonezilla has no specification; this is what its images hold):

=================================  =====================================================
``disk``                           the disk's name, in folders made by ``savedisk``
``parts``                          the partitions' names, but for swap areas and extended ones
``sda-pt.sf``                      the partition table, as ``sfdisk --dump`` prints it
``sda-pt.parted``                  the same by parted: here the disk's size is taken from
``sda-gpt-1st``                    of a GPT: its first 34 sectors; older dumps do not show it
``sda-mbr``                        the first sector, or more of it
``sda-hidden-data-after-mbr``      what follows up to the first partition
``sda4-ebr``                       the first sector of an extended partition
``sda1.ext4-ptcl-img.gz.aa``, …    partclone's image, compressed and split
``sda1.dd-img.aa``, …              raw content (``dd-ptcl-img``: by partclone.dd)
``swappt-sda3.info``               UUID and label of a swap area, whose content is not kept
``lvm_logv.list``                  volumes of LVM, which are saved one by one as ``vg-lv.ext4-ptcl-img…``
=================================  =====================================================

Not supported, and refused by name: partimage, ntfsclone, LVM volumes, LUKS, encrypted folders.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from provisioner.images.formats.folder import names_in, read_bytes, read_text
from provisioner.images.formats.pieces import SUFFIX, in_order
from provisioner.images.formats.saved_disk import Saved, SavedDisk, Swap
from provisioner.images.formats.saved_table import GPT_MAGIC, LINE, SECTOR, SECTOR_SIZE, SavedTable
from provisioner.stores.errors import StoreError

DATA = re.compile(r"(?P<part>[\w-]+?)\.(?P<kind>[\w+]+?)-(?P<how>ptcl-img|img)(?P<rest>(?:\.[A-Za-z0-9]+)*)")
PARTIMAGE = re.compile(r"(?:[shv]d[a-z]+|xvd[a-z]+|nvme\d+n\d+p|mmcblk\d+p)\d+\.(?:a{2,3}|000)")
DISK_SIZE = re.compile(r"^Disk /dev/\S+: (\d+)s$", re.MULTILINE)
SECTORS = re.compile(r"^Sector size \(logical/physical\): (\d+)B", re.MULTILINE)
PAIR = re.compile(r'^(UUID|LABEL)="?([^"\n]*)"?$', re.MULTILINE)
RAW = "dd"
PACKED = (".gz", ".xz", ".lz", ".lzo", ".zst", ".lrz")
"""What looks like the letters of a piece, and is none."""
ENCRYPTED = ("ecryptfs.info", "gocryptfs.info")
AGAIN = "restore the image with Clonezilla once, and capture that disk"
WHOLE = "it should be a whole Clonezilla folder"


def is_folder(folder: Path) -> bool:
    """Whether this is one of Clonezilla's, whole or not. Raises StoreError for one that is encrypted."""
    names = names_in(folder)
    if set(names) & set(ENCRYPTED):
        raise StoreError(
            f"{folder} is an encrypted Clonezilla image", "mount it with Clonezilla, and import that"
        )
    return "parts" in names or "disk" in names or any(name.endswith("-pt.sf") for name in names)


def read(folder: Path, wanted: str = "") -> SavedDisk:
    """One disk of a folder: ``wanted`` (``sda``), or the only one. Raises StoreError."""
    names = names_in(folder)
    _refuse_others(folder, names)
    disk, parts = _choose(folder, names, wanted), _words(folder / "parts")
    if not parts:
        raise StoreError(f"{folder} holds no list of partitions ('parts')", WHOLE)
    if parts == [disk]:
        files = dict(_saved(folder, names))
        if disk not in files:
            raise StoreError(f"{folder} holds nothing of {disk} that can be read", WHOLE)
        return SavedDisk(disk, SavedTable(disk, ""), parts={0: files[disk]}, only=0)
    mine = [part for part in parts if not disk or _belongs(part, disk)]
    if not mine:
        raise StoreError(f"{folder} lists no partition of {disk}", WHOLE)
    saved = {_number(part): found for part, found in _saved(folder, names) if part in mine}
    swaps = dict(_swaps(folder, names, disk))
    missing = [part for part in mine if _number(part) not in {*saved, *swaps}]
    if missing:
        raise StoreError(f"{folder} holds nothing of {', '.join(missing)} that can be read", WHOLE)
    whole = "disk" in names or len(mine) > 1
    size, table = _table(folder, disk)
    if whole and not table:
        raise StoreError(f"{folder} has no {disk or 'sda'}-pt.sf", WHOLE)
    return SavedDisk(
        name=disk or mine[0],
        table=table,
        size=size,
        sector=read_bytes(folder / f"{disk}-mbr")[:SECTOR],
        gap=read_bytes(folder / f"{disk}-hidden-data-after-mbr"),
        records={int(n): read_bytes(folder / f"{disk}{p}{n}-ebr") for p, n in _records(disk, names)},
        parts=saved,
        swaps=swaps,
        only=None if whole else _number(mine[0]),
    )


def _refuse_others(folder: Path, names: list[str]) -> None:
    """Raises StoreError for what Clonezilla keeps and we do not read."""
    if _words(folder / "lvm_logv.list"):
        raise StoreError(
            f"Clonezilla has saved the volumes of LVM in {folder} one by one",
            f"here a partition with LVM is kept whole: {AGAIN}",
        )
    if any(
        not line.startswith("#") for line in read_text(folder / "luks-dev.list").splitlines() if line.strip()
    ):
        raise StoreError(
            f"Clonezilla has saved what LUKS encrypts in {folder}",
            f"here a partition with LUKS is kept whole: {AGAIN}",
        )
    for name in names:
        if PARTIMAGE.fullmatch(name):
            raise StoreError(f"{name} was made by partimage", "only partclone's images can be read")
        match = DATA.fullmatch(name)
        if match and match["kind"] == "ntfs" and match["how"] == "img":
            raise StoreError(f"{name} was made by ntfsclone", "only partclone's images can be read")


def _choose(folder: Path, names: list[str], wanted: str) -> str:
    disks = _words(folder / "disk") or [
        name.removesuffix("-pt.sf") for name in names if name.endswith("-pt.sf")
    ]
    if wanted and wanted not in disks:
        raise StoreError(f"{folder} has no disk {wanted}", f"it has: {', '.join(disks)}")
    if not wanted and len(disks) > 1:
        raise StoreError(
            f"{folder} holds {len(disks)} disks: {', '.join(disks)}",
            f"import them one by one: --disk {disks[0]}",
        )
    return wanted or next(iter(disks), "")


def _saved(folder: Path, names: list[str]) -> Iterator[tuple[str, Saved]]:
    """The files with content, their pieces together. Raises StoreError if one of the pieces is missing."""
    found: dict[str, list[Path]] = {}
    raw: dict[str, bool] = {}
    for name in names:
        match = DATA.fullmatch(name)
        if match and not name.endswith(".info"):
            base = Path(name).stem if _is_piece(name, names) else name
            found.setdefault(base, []).append(folder / name)
            raw[base] = match["kind"] == RAW
    by_part: dict[str, list[str]] = {}
    for base in found:
        by_part.setdefault(base.partition(".")[0], []).append(base)
    for part, bases in by_part.items():
        if len(bases) > 1:
            raise StoreError(f"{folder} holds {part} twice: {', '.join(bases)}", "remove the wrong one")
        yield part, Saved(in_order(bases[0], found[bases[0]]), raw[bases[0]])


def _is_piece(name: str, names: list[str]) -> bool:
    """``.gz`` may be how a file was packed, or its 182nd piece."""
    path = Path(name)
    if f"{path.stem}.aa" in names or f"{path.stem}.aaa" in names:
        return SUFFIX.fullmatch(path.suffix) is not None
    return SUFFIX.fullmatch(path.suffix) is not None and path.suffix not in PACKED


def _belongs(part: str, disk: str) -> bool:
    return re.fullmatch(rf"{re.escape(disk)}p?\d+", part) is not None


def _number(part: str) -> int:
    """``sda15`` is 15. Raises StoreError."""
    digits = re.findall(r"\d+$", part)
    if not digits:
        raise StoreError(
            f"{part} is no partition", "a file system on a disk without a table cannot be imported yet"
        )
    return int(digits[0])


def _table(folder: Path, disk: str) -> tuple[int | None, SavedTable]:
    """Bytes of the disk as parted listed it; the table, with the sector size that an old sfdisk left out."""
    dump, parted = read_text(folder / f"{disk}-pt.sf"), read_text(folder / f"{disk}-pt.parted")
    head = read_bytes(folder / f"{disk}-gpt-1st")
    sector, found = SECTORS.search(parted), DISK_SIZE.search(parted)
    step = int(sector[1]) if sector else SECTOR
    if head.startswith(GPT_MAGIC, SECTOR) and "label: gpt" not in dump:
        dump = ""  # all that an old sfdisk could see of a GPT is the protective MBR
    if sector and not SECTOR_SIZE.search(dump) and LINE.search(dump):
        dump = f"sector-size: {step}\n{dump}"
    return (int(found[1]) * step if found else None), SavedTable(disk, dump, head)


def _records(disk: str, names: list[str]) -> Iterator[tuple[str, str]]:
    for name in names:
        match = re.fullmatch(rf"{re.escape(disk)}(p?)(\d+)-ebr", name)
        if match:
            yield match[1], match[2]


def _swaps(folder: Path, names: list[str], disk: str) -> Iterator[tuple[int, Swap]]:
    """The list of partitions does not name them."""
    for name in names:
        match = re.fullmatch(r"swappt-(.+)\.info", name)
        if match and (not disk or _belongs(match[1], disk)):
            facts = dict(PAIR.findall(read_text(folder / name)))
            yield _number(match[1]), Swap(facts.get("UUID", ""), facts.get("LABEL", ""))


def _words(path: Path) -> list[str]:
    return read_text(path).split()

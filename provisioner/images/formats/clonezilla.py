"""Clonezilla's image folders, rebuilt as a raw disk, or as a partition if they hold one and no disk.

What is in such a folder (Clonezilla has no specification; this is what its images hold):

=================================  =====================================================
``disk``                           the disk's name, in folders made by ``savedisk``
``parts``                          the partitions' names
``sda-pt.sf``                      the partition table, as ``sfdisk --dump`` prints it
``sda-pt.parted``                  the same by parted: here the disk's size is taken from
``sda-mbr``                        the first sector, or more of it
``sda-hidden-data-after-mbr``      what follows up to the first partition
``sda1.ext4-ptcl-img.gz.aa``, …    partclone's image, compressed and split
``sda1.dd-img.zst.aa``, …          raw content (``dd-ptcl-img``: by partclone.dd)
``swappt-sda3.info``               UUID and label of a swap area, whose content is not kept
=================================  =====================================================

Not supported, and refused by name: partimage, ntfsclone, LVM volumes, encrypted folders.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from initramfs.imaging.device.loop import loop_device
from initramfs.imaging.errors import ToolError
from initramfs.imaging.format.chunk import MIB
from initramfs.imaging.label import read_label
from initramfs.imaging.label.model import Label
from initramfs.imaging.run import run
from provisioner.images.formats import partclone, streams
from provisioner.stores.errors import StoreError
from provisioner.stores.files import failing

SECTOR = 512
BOOT_CODE = 440
"""Bytes of an MBR before the disk's signature and the table (which sfdisk writes)."""
BACKUP = 34 * SECTOR
"""Room for the backup of a GPT where only the last partition's end is known."""

DATA = re.compile(r"(?P<part>[\w-]+?)\.(?P<kind>[\w+]+?)-(?P<how>ptcl-img|img)(?P<rest>(?:\.[A-Za-z0-9]+)*)")
PIECE = re.compile(r"\.[a-z]{2,3}")
DISK_SIZE = re.compile(r"^Disk /dev/\S+: (\d+)s$", re.MULTILINE)
SECTORS = re.compile(r"^Sector size \(logical/physical\): (\d+)B", re.MULTILINE)
LINE = re.compile(r"^/dev/\S*?(\d+) : start=\s*(\d+), size=\s*(\d+)", re.MULTILINE)
PAIR = re.compile(r'^(UUID|LABEL)="?([^"\n]*)"?$', re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Saved:
    """What a folder holds of one partition: pieces of one file, in order."""

    name: str
    kind: str
    pieces: tuple[Path, ...]


def rebuild(folder: Path, work: Path) -> Path:
    """The disk or partition in a folder, as a sparse file below ``work``. Raises StoreError, ToolError."""
    saved = {item.name: item for item in _saved(folder)}
    wanted = _words(folder / "parts")
    disks = _words(folder / "disk")
    missing = [name for name in wanted if name not in saved and not _swap(folder, name).exists()]
    if missing or not wanted:
        what = f"nothing of {', '.join(missing)}" if wanted else "no list of partitions"
        raise StoreError(f"{folder} holds {what} that can be read", "it should be a whole Clonezilla folder")
    if disks or len(wanted) > 1:
        return _disk(folder, _only(disks, folder), [saved[n] for n in wanted if n in saved], work / "raw")
    return _partition(saved[wanted[0]], work / "raw")


def _only(disks: list[str], folder: Path) -> str:
    if len(disks) == 1:
        return disks[0]
    tables = [path.name.removesuffix("-pt.sf") for path in folder.glob("*-pt.sf")]
    if not disks and len(tables) == 1:
        return tables[0]
    raise StoreError(f"{folder} holds {len(disks or tables)} disks", "import folders of one disk")


def _saved(folder: Path) -> Iterator[Saved]:
    """The files with content, their pieces together."""
    found: dict[tuple[str, str], list[Path]] = {}
    with failing("read", folder):
        names = sorted(folder.iterdir())
    for path in names:
        match = DATA.fullmatch(path.name)
        if match:
            if match["kind"] == "ntfs" and match["how"] == "img":
                raise StoreError(f"{path.name} was made by ntfsclone", "only partclone's images can be read")
            found.setdefault((match["part"], match["kind"]), []).append(path)
    for (part, kind), pieces in found.items():
        yield Saved(part, kind, _whole(pieces))


def _whole(pieces: list[Path]) -> tuple[Path, ...]:
    """Raises StoreError if a piece in the middle is missing; at the end the decompressor notices."""
    if len(pieces) == 1:
        return tuple(pieces)
    numbers = [_number(path.suffix) for path in pieces]
    if numbers != list(range(len(pieces))):
        raise StoreError(f"a piece of {pieces[0].stem} is missing", "copy the folder again")
    return tuple(pieces)


def _number(suffix: str) -> int:
    """``.aa`` is 0, ``.ab`` is 1, as split(1) counts."""
    number = 0
    for letter in suffix.lstrip("."):
        number = number * 26 + ord(letter) - ord("a")
    return number


def _partition(saved: Saved, target: Path) -> Path:
    _unpack(saved, target)
    return target


def _disk(folder: Path, disk: str, saved: list[Saved], target: Path) -> Path:
    table = _read(folder / f"{disk}-pt.sf")
    size, sector = _size(folder, disk, table)
    if sector != SECTOR:
        raise StoreError(f"the disk has sectors of {sector} bytes", "such folders cannot be imported yet")
    with failing("unpack", target), target.open("xb") as file:
        file.truncate(size)
    _label(folder, disk, table, target)
    label = _label_of(target)
    for item in saved:
        number = int(re.findall(r"\d+$", item.name)[0])
        area = label.area(number)
        if area is None:
            raise StoreError(f"{disk} has no partition {number} for {item.pieces[0].name}")
        with loop_device(target, area.start, area.size, writable=True) as loop:
            _unpack(item, loop)
    for info in sorted(folder.glob("swappt-*.info")):
        _make_swap(info, label, target)
    return target


def _label(folder: Path, disk: str, table: str, target: Path) -> None:
    """The table by sfdisk, then boot code around it."""
    options = ("--quiet", "--no-reread", "--no-tell-kernel", "--force", "--wipe", "never")
    try:
        run("sfdisk", *options, str(target), stdin=table)
    except ToolError as error:
        raise StoreError(f"{disk}-pt.sf is no partition table: {error.message}") from error
    with target.open("r+b") as file:
        code = folder / f"{disk}-mbr"
        if code.exists():
            file.write(code.read_bytes()[:BOOT_CODE])
        hidden = folder / f"{disk}-hidden-data-after-mbr"
        if hidden.exists() and "label: gpt" not in table:
            file.seek(SECTOR)
            file.write(hidden.read_bytes())


def _label_of(target: Path) -> Label:
    with target.open("rb") as file:

        def read(offset: int, length: int) -> bytes:
            file.seek(offset)
            return file.read(length)

        label = read_label(read, target.stat().st_size, SECTOR)
    if label is None:
        raise StoreError("the folder's partition table is empty")
    return label


def _size(folder: Path, disk: str, table: str) -> tuple[int, int]:
    """Bytes of the disk, and of its sectors. Without parted's listing: up to the last partition."""
    listing = folder / f"{disk}-pt.parted"
    text = _read(listing) if listing.exists() else ""
    sector = SECTORS.search(text)
    step = int(sector[1]) if sector else SECTOR
    found = DISK_SIZE.search(text)
    if found:
        return int(found[1]) * step, step
    ends = [int(start) + int(size) for _, start, size in LINE.findall(table)]
    if not ends:
        raise StoreError(f"{disk}-pt.sf names no partition", "is it Clonezilla's?")
    return -(-(max(ends) * step + BACKUP) // MIB) * MIB, step


def _make_swap(info: Path, label: Label, target: Path) -> None:
    """An empty swap area with the old one's UUID and label."""
    numbers = re.findall(r"(\d+)\.info$", info.name)
    area = label.area(int(numbers[0])) if numbers else None
    if area is None:
        raise StoreError(f"{info.name} fits no partition")
    facts = dict(PAIR.findall(_read(info)))
    options = [*(("--uuid", facts["UUID"]) if facts.get("UUID") else ())]
    options += ["--label", facts["LABEL"]] if facts.get("LABEL") else []
    with loop_device(target, area.start, area.size, writable=True) as loop:
        run("mkswap", *options, str(loop))


def _unpack(saved: Saved, target: Path) -> None:
    """What partclone made goes through partclone; else it is raw. Raises StoreError."""
    with streams.unpacked(saved.pieces) as stream:
        _write(stream, target)


def _write(stream: IO[bytes], target: Path) -> None:
    if streams.head_of(stream).startswith(partclone.MAGIC):
        partclone.restore(stream, target)
    else:
        streams.write_sparse(stream, target)


def _swap(folder: Path, name: str) -> Path:
    return folder / f"swappt-{name}.info"


def _words(path: Path) -> list[str]:
    return _read(path).split() if path.exists() else []


def _read(path: Path) -> str:
    with failing("read", path):
        return path.read_text(errors="replace")

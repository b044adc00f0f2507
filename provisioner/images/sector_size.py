"""How long the sectors of a disk are whose content lies in a file: 512 bytes or 4096.

A file has none. A GPT's header lies in the second sector and so tells it. An MBR counts in sectors and does
not say of which length: what tells it is whether its partitions then lie on the disk, and begin with file
systems. Where both are possible nothing is guessed.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path

from initramfs.imaging.device.device import Device
from initramfs.imaging.errors import CaptureError, LabelError
from initramfs.imaging.filesystem.probe import probe
from initramfs.imaging.label import read_label
from initramfs.imaging.label.gpt import GptHeader
from initramfs.imaging.label.mbr import entries, is_filesystem, is_protective
from initramfs.imaging.label.model import Label, Reader
from provisioner.images.filesystem_size import needed_by

SIZES = (512, 4096)
HINT = "say it: --sector-size 512, as most disks have, or 4096 (4Kn)"


def sector_size_of(read: Reader, size: int, has_filesystem: Callable[[int, int], bool]) -> int:
    """The sector size of the disk or partition of ``size`` bytes that ``read`` reads.

    ``has_filesystem(offset, length)`` says whether a known one lies there. 512 where nothing speaks for
    anything else. Raises CaptureError if two answers are possible.
    """
    sector = read(0, 512)
    table = entries(sector)
    if table is None:
        return _of_filesystem(read(0, 512))
    if is_protective(table):
        return _of_gpt(read)
    labels = {step: label for step in SIZES if (label := _label(read, size, step)) is not None}
    if len(labels) == 1:
        return next(iter(labels))
    likely = [step for step, label in labels.items() if _begins(label, has_filesystem)]
    if len(labels) > 1 and len(likely) != 1:
        raise CaptureError("the partition table fits sectors of 512 and of 4096 bytes", HINT)
    return likely[0] if likely else SIZES[0]


def sector_size_of_file(path: Path) -> int:
    """The same of what lies in a file. Raises CaptureError, DeviceError, ToolError."""
    with Device.open(path, shared=True) as file:

        def fits(offset: int, length: int) -> bool:
            kind = probe(path, offset, length).type
            return bool(kind) and needed_by(kind, lambda at, count: file.read(offset + at, count)) <= length

        return sector_size_of(file.read, file.size, fits)


def sector_size_of_target(path: Path, expected: int) -> int:
    """The same of a file into whose partition something is written: its table says where that lies.

    ``expected`` if there is no table, or both answers are possible. Raises DeviceError, ToolError.
    """
    with Device.open(path, shared=True) as file:
        if entries(file.read(0, 512)) is None:
            return expected
    try:
        return sector_size_of_file(path)
    except CaptureError:
        return expected


def _of_gpt(read: Reader) -> int:
    found = [step for step in SIZES if _has_header(read, step)]
    if len(found) > 1:
        raise CaptureError("there are GPTs for sectors of 512 and of 4096 bytes", HINT)
    return found[0] if found else SIZES[0]


def _has_header(read: Reader, step: int) -> bool:
    try:
        return GptHeader.decode(read(step, step)).my_lba == 1
    except (LabelError, struct.error):
        return False


def _label(read: Reader, size: int, step: int) -> Label | None:
    try:
        return read_label(read, size, step)
    except LabelError:
        return None


def _begins(label: Label, has_filesystem: Callable[[int, int], bool]) -> bool:
    return any(has_filesystem(area.start, area.size) for area in label.areas)


def _of_filesystem(boot: bytes) -> int:
    """FAT, NTFS and exFAT note the sectors of their disk; others do not need to know."""
    if len(boot) < 512 or not is_filesystem(boot):  # noqa: PLR2004 - a boot sector's size
        return SIZES[0]
    step = 1 << min(boot[108], 12) if boot[3:8] == b"EXFAT" else struct.unpack_from("<H", boot, 11)[0]
    return int(step) if step in SIZES else SIZES[0]

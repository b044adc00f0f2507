"""Whether a machine can start from what is written: what its firmware looks for, and where. Pure.

UEFI starts a program on an EFI system partition; BIOS runs the code in the disk's first sector.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from initramfs.agent.errors import PlanError
from initramfs.imaging.filesystem.fat_files import files
from initramfs.imaging.format.header import Filesystem
from initramfs.imaging.label.model import ESP, Bounds, Label, LabelType, PartitionNumber, Reader, plain_number
from initramfs.messages import Firmware

REMOVABLE = "EFI/BOOT/BOOTX64.EFI"
"""What firmware starts without an entry of its own (UEFI 2.10 §3.5.1.1)."""

PROGRAMS = (
    r"shimx64\.efi", r"grubx64\.efi", r"bootmgfw\.efi", r"systemd-bootx64\.efi", r"refind_x64\.efi",
    r"(?:shim|grub|loader|limine|limine_x64|elilo|syslinux|cloverx64|opencore|boot)\.efi",
    r"(?:shim|grub|boot|systemd-boot|refind_)(?:ia32|aa64)\.efi",
)  # fmt: skip
"""Boot loaders by their files' names, best first: shim starts GRUB, and under Secure Boot GRUB needs it."""
MAKERS = ("debian", "ubuntu", "fedora")
"""Whose come first, where several systems have one."""
OTHERS = (r"EFI/Linux/[^/]+\.efi", re.escape(REMOVABLE))
"""What else starts by itself, after these: kernels with all they need, then the removable-media path."""

BOOT_CODE = 440
"""Bytes of the first sector before the MBR's own."""


IGNORE = "correct the golden machine; or set boot.loader = 'ignore' for a disk that is not started from"


@dataclass(frozen=True, slots=True)
class BootLoader:
    """What UEFI firmware starts. ``removable``: it finds something without an entry, too."""

    partition: int
    path: str
    removable: bool


def check_start(
    label: Label | None,
    filesystems: Mapping[PartitionNumber, Filesystem],
    firmware: Firmware,
    read: Reader,
    tell: Callable[[str], None],
) -> None:
    """See that ``firmware`` finds something to start on the disk that ``read`` reads. Raises PlanError."""
    if firmware is Firmware.UEFI:
        numbers = esp_candidates(label, filesystems)
        if label is None or not numbers:
            raise PlanError("UEFI cannot start this disk: it has no EFI system partition", IGNORE)
        if find_loader(label, numbers, read) is None:
            places = ", ".join(map(str, numbers))
            raise PlanError(f"UEFI cannot start this disk: no boot loader is on partition {places}", IGNORE)
        return
    sector = read(0, 512)
    if why := why_no_bios_start(sector):
        raise PlanError(f"BIOS cannot start this disk: {why}", IGNORE)
    if nothing_active(label, sector):
        tell("no partition is marked active: the boot code may find nothing to start")


def esp_candidates(label: Label | None, filesystems: Mapping[PartitionNumber, Filesystem]) -> list[int]:
    """The partitions that firmware may look at: EFI system partitions, then any other FAT."""
    areas = label.areas if label else ()
    typed = [area.number for area in areas if area.type in (ESP, "ef")]
    fats = [plain_number(number) for number, found in filesystems.items() if found.type == "vfat"]
    return [*typed, *(area.number for area in areas if area.number in fats and area.number not in typed)]


def find_loader(label: Label, numbers: Iterable[int], read: Reader) -> BootLoader | None:
    """The best boot loader on these partitions of the disk that ``read`` reads, or None."""
    for number in numbers:
        area = label.area(number)
        if area is not None and (found := choose_loader(files(_within(read, area.bounds)))):
            return BootLoader(number, *found)
    return None


def choose_loader(paths: Iterable[str]) -> tuple[str, bool] | None:
    """The best boot loader among ``paths``, or None; and whether the removable-media path is there."""
    known = sorted(path for path in paths if path.upper().startswith("EFI/"))
    removable = any(path.upper() == REMOVABLE for path in known)
    return next(((path, removable) for pattern in _patterns() for path in known if pattern(path)), None)


def why_no_bios_start(sector: bytes) -> str:
    """The reason why BIOS cannot start a disk with this first sector; empty if it may."""
    if sector[510:512] != b"\x55\xaa":
        return "its first sector has no boot signature"
    return "" if any(sector[:BOOT_CODE]) else "its first sector holds no boot code"


def nothing_active(label: Label | None, sector: bytes) -> bool:
    """Whether no partition is marked active, which boot code other than GRUB's goes by."""
    return (
        label is not None
        and label.type is LabelType.MBR
        and not any(part.bootable for part in label.partitions)
        and b"GRUB" not in sector[:BOOT_CODE]
    )


def _patterns() -> Iterator[Callable[[str], object]]:
    for program in PROGRAMS:
        for maker in (*MAKERS, "[^/]+(?:/[^/]+)?"):
            yield re.compile(f"EFI/{maker}/{program}", re.IGNORECASE).fullmatch
    for other in OTHERS:
        yield re.compile(other, re.IGNORECASE).fullmatch


def _within(read: Reader, place: Bounds) -> Reader:
    return lambda at, length: read(place.start + at, min(length, max(place.size - at, 0)))

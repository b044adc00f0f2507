"""GRUB put onto a disk file by hand, because grub-install wants real devices.

BIOS: ``boot.img`` in the master boot record loads the sector after it; ``core.img`` lies there, in the gap
before the first partition, and its first sector carries the list of its other sectors. Both come from the
package with exactly these places as their defaults. UEFI: one PE file in the ESP.
"""

from __future__ import annotations

from pathlib import Path

from tests.images.disk import SECTOR
from tests.lab.command import run

GRUB = Path("/usr/lib/grub")
BOOT_CODE = 440
"""Bytes of a master boot record before the disk's signature and the partition table."""

_COMMON = (
    *("normal", "configfile", "linux", "ext2", "fat", "search", "search_fs_uuid"),
    *("serial", "terminal", "echo", "test", "sleep", "ls", "reboot", "halt"),
)
BIOS_MODULES = ("biosdisk", "part_msdos", "chain", *_COMMON)
UEFI_MODULES = ("part_gpt", "efi_gop", *_COMMON)

HEAD = """\
serial --unit=0 --speed=115200
terminal_input serial console
terminal_output serial console
set default=0
set timeout=1
"""
"""How every configuration begins: a menu on screen and serial line, the first entry after a second."""


def entry(title: str, uuid: str, kernel: str, initrd: str, arguments: str) -> str:
    """A menu entry for the Linux that lies on the file system ``uuid``."""
    return f"""
menuentry "{title}" {{
    search --no-floppy --set=root --fs-uuid {uuid}
    echo "Starting {title}"
    linux {kernel} {arguments} console=tty0 console=ttyS0,115200
    initrd {initrd}
}}
"""


def write_bios(disk: Path, first_partition: int, prefix: str, work: Path) -> None:
    """Make ``disk`` start GRUB, which reads ``prefix`` (such as ``(,msdos1)/grub``) for its menu.

    ``first_partition`` is the sector where the gap ends. Raises ValueError if GRUB does not fit.
    """
    core = work / "core.img"
    run("grub-mkimage", "-O", "i386-pc", "-p", prefix, "-o", core, *BIOS_MODULES)
    if core.stat().st_size > (first_partition - 1) * SECTOR:
        raise ValueError(f"{core.stat().st_size} bytes of GRUB before sector {first_partition}")
    with disk.open("r+b") as file:
        file.write((GRUB / "i386-pc" / "boot.img").read_bytes()[:BOOT_CODE])
        file.seek(SECTOR)
        file.write(core.read_bytes())


def make_efi(target: Path, prefix: str) -> None:
    """One PE file that is all of GRUB, and reads ``prefix`` for its menu."""
    run("grub-mkimage", "-O", "x86_64-efi", "-p", prefix, "-o", target, *UEFI_MODULES)

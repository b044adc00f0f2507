"""The kernel's own file systems, which everything else needs.

mount(2) is called by ctypes rather than by a program: this comes first of all, when every process counts.
"""

from __future__ import annotations

import ctypes
import os
from dataclasses import dataclass

EFI = "/sys/firmware/efi"


@dataclass(frozen=True, slots=True)
class Mount:
    """One file system to mount; the folder is made if it is missing."""

    kind: str
    target: str
    options: str = ""


FIRST = (
    Mount("proc", "/proc"),
    Mount("sysfs", "/sys"),
    Mount("devtmpfs", "/dev", "mode=0755"),
    Mount("devpts", "/dev/pts", "gid=0,mode=0620,ptmxmode=0666"),
    Mount("tmpfs", "/dev/shm", "mode=1777"),  # noqa: S108 - a mount point, and where POSIX shared memory lives
    Mount("tmpfs", "/run", "mode=0755"),
)
"""Needed at once, in this order."""

EFI_VARIABLES = Mount("efivarfs", "/sys/firmware/efi/efivars")
"""Only on UEFI machines, and only when drivers can be loaded: in Debian's kernel it is a module."""


def mount_all() -> None:
    """Mount everything in FIRST. Raises OSError."""
    for mount in FIRST:
        _mount(mount)
    os.makedirs("/run/clonesys", exist_ok=True)  # noqa: PTH103 - pathlib costs tenths of a second at this point


def mount_efi_variables() -> bool:
    """Mount EFI variables if this machine has EFI; says whether it has. Raises OSError."""
    if not os.path.isdir(EFI):  # noqa: PTH112 - as above
        return False
    _mount(EFI_VARIABLES)
    return True


def _mount(mount: Mount) -> None:
    os.makedirs(mount.target, exist_ok=True)  # noqa: PTH103 - as above
    words = [word.encode() for word in (mount.kind, mount.target, mount.kind)]
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.mount(*words, ctypes.c_ulong(0), mount.options.encode()):
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code), mount.target)

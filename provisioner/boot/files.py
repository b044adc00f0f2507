"""The boot files of an appliance: their names, and putting them where machines fetch them."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from provisioner.base import durable
from provisioner.base.errors import ConflictError
from provisioner.base.home import Home
from provisioner.base.ownership import FILE_MODE, create

KERNEL = "vmlinuz"
INITRAMFS = "initramfs.img"
LOADERS = Path("/usr/lib/ipxe")
LOADER_NAMES = ("snponly.efi", "undionly.kpxe")


def install(home: Path, files: dict[str, Path]) -> None:
    """Copy ``files`` (by their name in ``boot/``) and replace the old ones by renaming, one after another.

    A machine that is between its kernel and its initramfs at that very moment gets a pair that may not
    fit; its agent says so, and the next boot is right.
    """
    folder = Home(home).boot
    new = {name: _copy(source, folder / f".new-{name}") for name, source in files.items()}
    for name, copy in new.items():
        copy.replace(folder / name)
    durable.sync(folder)


def copy_loaders(boot: Path, source: Path = LOADERS) -> list[str]:
    """Copy the network boot loaders that are missing; the names of those that cannot be found."""
    missing = []
    for name in LOADER_NAMES:
        if (boot / name).exists():
            continue
        if (source / name).is_file():
            durable.create(boot / name, (source / name).read_bytes())
        else:
            missing.append(name)
    return missing


def missing(home: Home) -> dict[str, str]:
    """The boot files that are not there, each with the command that makes it."""
    makers = dict.fromkeys((KERNEL, INITRAMFS), "clonesys initramfs build")
    makers |= dict.fromkeys(LOADER_NAMES, "apt install ipxe, then clonesys init")
    return {name: maker for name, maker in makers.items() if home.blob(name) is None}


def require(home: Home) -> None:
    """Raises ConflictError unless there are a kernel and an initramfs to boot hosts with."""
    missing = [name for name in (KERNEL, INITRAMFS) if home.blob(name) is None]
    if missing:
        raise ConflictError(
            f"the appliance has no {' and no '.join(missing)} to boot the host with",
            "build them with 'clonesys initramfs build'",
        )


def _copy(source: Path, target: Path) -> Path:
    target.unlink(missing_ok=True)  # of a copy that was cut off
    with source.open("rb") as original, os.fdopen(create(target), "wb") as copy:
        shutil.copyfileobj(original, copy)
        copy.flush()
        os.fchmod(copy.fileno(), FILE_MODE)
        os.fsync(copy.fileno())
    return target

"""Putting what the builder made where machines fetch it: each file whole, kernel and initramfs together."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from provisioner.base.home import Home


def install(home: Path, files: dict[str, Path]) -> None:
    """Copy ``files`` (by their name in ``boot/``) and replace the old ones by renaming, one after another.

    A machine that is between its kernel and its initramfs at that very moment gets a pair that may not
    fit; its agent says so, and the next boot is right.
    """
    folder = Home(home).boot
    new = {name: _copy(source, folder / f".new-{name}") for name, source in files.items()}
    for name, copy in new.items():
        copy.replace(folder / name)
    _sync(folder)


def _copy(source: Path, target: Path) -> Path:
    shutil.copyfile(source, target)
    _sync(target)
    return target


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

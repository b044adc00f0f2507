"""Mounting a partition of an image, read-only and lazily.

Three layers: our FUSE file system shows the image as one file (``fuse``), a loop device shows the
partition in it, the kernel's (or ntfs-3g's) file system driver shows the files. What is mounted where
is asked from the kernel, so nothing has to be remembered between mounting and unmounting.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from initramfs.imaging.errors import ToolError
from initramfs.imaging.format.header import Header, Kind
from initramfs.imaging.label.model import Bare
from initramfs.imaging.run import run
from provisioner.base.errors import ProvisionerError
from provisioner.stores.errors import StoreError

PREFIX = "clonesys-image-"
RUN = Path("/run")
FILE = "image"
"""How the one file is called where an image is shown as a file."""

OPTIONS = {"ext3": "noload", "ext4": "noload", "xfs": "norecovery,nouuid", "btrfs": "rescue=nologreplay"}
"""What keeps a driver from writing, even for a file system that was not left in order."""
DRIVERS = {"ntfs": "ntfs-3g"}
"""File systems whose driver has another name than blkid gives them."""


def area_of(header: Header, number: int | None) -> tuple[int, int]:
    """Where a partition lies in its image: offset and size. Raises ProvisionerError."""
    if header.kind is Kind.PARTITION:
        if number is not None:
            raise ProvisionerError(f"{header.name} is the image of a partition", "leave out its number")
        return 0, header.size
    there = header.label.areas if header.label else ()
    found = next((area for area in there if area.number == number), None)
    if found is None:
        numbers = ", ".join(str(area.number) for area in there)
        raise ProvisionerError(f"{header.name} is the image of a disk", f"say which partition: {numbers}")
    return found.start, found.size


def mount(home: Path, header: Header, number: int | None, point: Path) -> None:
    """Mount a partition of an image. Raises ProvisionerError, StoreError, ToolError."""
    offset, size = area_of(header, number)
    if not point.is_dir():
        raise ProvisionerError(f"{point} is no folder", "make it first")
    kind = _kind(header, number)
    folder = _show(home, f"{header.name}@{header.generation}")
    try:
        options = f"ro,loop,offset={offset},sizelimit={size}"
        more = f",{OPTIONS[kind]}" if kind in OPTIONS else ""
        run("mount", "-t", DRIVERS.get(kind, kind), "-o", options + more, str(folder / FILE), str(point))
    except BaseException:
        _hide(folder)
        raise


def unmount(point: Path) -> None:
    """Take away what :func:`mount` made. Raises ProvisionerError if it is none of ours, ToolError."""
    folder = _folder_of(point)
    if folder is None:
        raise ProvisionerError(f"no image is mounted on {point}", "'findmnt' shows what is")
    run("umount", str(point))
    _hide(folder)


@contextmanager
def mounted_image(home: Path, header: Header, number: int | None) -> Iterator[Path]:
    """A partition of an image, mounted while the body runs. Raises as :func:`mount`."""
    with tempfile.TemporaryDirectory(prefix="clonesys-look-") as name:
        point = Path(name)
        mount(home, header, number, point)
        try:
            yield point
        finally:
            unmount(point)


def _kind(header: Header, number: int | None) -> str:
    """As blkid found it when the image was captured: looking again would read all over the image."""
    found = {system.partition: system.type for system in header.filesystems}
    kind = found.get(Bare.BARE if number is None else number, "")
    if not kind:
        raise ProvisionerError("no file system is known there", "'clonesys image show' lists partitions")
    return kind


def _show(home: Path, title: str) -> Path:
    """Start the process that shows an image as a file, and wait until it does; the file's folder."""
    folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=RUN if RUN.is_dir() else None))
    try:
        run(sys.executable, "-m", "provisioner.images.browse.fuse", str(home.resolve()), title, str(folder))
    except ToolError as error:
        folder.rmdir()
        raise StoreError(
            f"cannot show {title} as a file: {error.message}", "are /dev/fuse and libfuse there?"
        ) from error
    return folder


def _hide(folder: Path) -> None:
    """Lazily: a loop device lets go of its file a moment after its last use. The process then ends."""
    run("umount", "--lazy", str(folder))
    folder.rmdir()


def _folder_of(point: Path) -> Path | None:
    """The folder of the FUSE file system below what is mounted on ``point``."""
    try:
        source = run("findmnt", "--noheadings", "--output", "SOURCE", "--mountpoint", str(point)).stdout
        backing = Path("/sys/class/block", Path(source.strip()).name, "loop/backing_file").read_text()
    except (ToolError, OSError):
        return None
    folder = Path(backing.rstrip("\n")).parent
    return folder if folder.name.startswith(PREFIX) else None

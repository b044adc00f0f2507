"""qcow2, QEMU's images: converted by qemu-img."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import IO

from initramfs.imaging.errors import ToolError
from initramfs.imaging.run import run
from provisioner.images.formats import streams
from provisioner.stores.errors import StoreError

MAGIC = b"QFI\xfb"


def restore(stream: IO[bytes], target: Path) -> None:
    """Write what an image holds to a new raw file. Raises StoreError if qemu-img is missing or refuses."""
    image = target.with_suffix(".qcow2")
    streams.write_sparse(stream, image)
    information = qemu_img("info", "-f", "qcow2", "--output", "json", image)
    # The maker of the image could name any file of ours as the other one.
    if '"backing-filename"' in information or '"data-file"' in information:
        raise StoreError("the qcow2 image needs another file", "make one file of it with 'qemu-img convert'")
    qemu_img("convert", "-f", "qcow2", "-O", "raw", image, target)
    image.unlink()


def qemu_img(*words: str | Path) -> str:
    """Run qemu-img. Raises StoreError."""
    if shutil.which("qemu-img") is None:
        raise StoreError("qemu-img is not installed", "qcow2 needs it: apt install qemu-utils")
    try:
        return run("qemu-img", *map(str, words)).stdout
    except ToolError as error:
        raise StoreError(error.message, error.hint) from error

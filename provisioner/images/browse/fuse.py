"""One image as one file of a small file system: what a loop device, and so a mount, can work on.

Runs as a process of its own (``python -m provisioner.images.browse.fuse HOME NAME FOLDER``, which returns
when the file can be read) until the folder is unmounted. Nothing is unpacked beforehand: each read fetches
and proves the chunks it needs, and one that is missing or corrupt is an I/O error.
"""

from __future__ import annotations

import errno
import stat
import sys
from pathlib import Path

from mfusepy import FUSE, FuseOSError, Operations

from initramfs.imaging.errors import ChunkError
from initramfs.imaging.format.reader import ImageReader
from provisioner.images.browse.mounting import FILE
from provisioner.images.operations import load
from provisioner.security.keys import load_public_key
from provisioner.stores.open import store_of


class _OneFile(Operations):  # type: ignore[misc]  # the library carries no types
    """The root folder and the file in it; nothing can be written."""

    use_ns = True

    def __init__(self, reader: ImageReader) -> None:
        self._reader = reader

    def getattr(self, path: str, fh: int | None = None) -> dict[str, int]:  # noqa: ARG002 - the library's shape
        """Attributes, as stat(2) names them."""
        if path == "/":
            return {"st_mode": stat.S_IFDIR | 0o500, "st_nlink": 2}
        if path == f"/{FILE}":
            return {"st_mode": stat.S_IFREG | 0o400, "st_nlink": 1, "st_size": self._reader.size}
        raise FuseOSError(errno.ENOENT)

    def readdir(self, path: str, fh: int) -> list[str]:  # noqa: ARG002 - likewise
        """The names in the folder."""
        return [".", "..", FILE]

    def read(self, path: str, size: int, offset: int, fh: int) -> bytes:  # noqa: ARG002 - likewise
        """Bytes of the image."""
        try:
            return self._reader.read(offset, size)
        except ChunkError as error:
            raise FuseOSError(errno.EIO) from error


def main(home: str, name: str, folder: str) -> None:
    """Mount, go on in the background, and serve until the folder is unmounted."""
    store = store_of(Path(home))
    image = load(store, store.resolve(name), load_public_key(Path(home)))
    files = _OneFile(ImageReader(image, store))
    FUSE(files, folder, ro=True, kernel_cache=True, fsname=f"clonesys:{image.title}")


if __name__ == "__main__":
    main(*sys.argv[1:])

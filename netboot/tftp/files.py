"""What a file name in a TFTP request means, and the content behind it.

Content is a file of the booter's, or the bootstrap script rendered for the address it is asked at.
"""

from __future__ import annotations

import errno
import os
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from netboot import render
from netboot.errors import ProtocolError
from netboot.loaders import SCRIPTS

if TYPE_CHECKING:
    from pathlib import Path

    from netboot.booter import Booter
    from netboot.model import Endpoint

_PROBES = re.compile(
    r"""(^|/)(
        revocations[^/]*\.efi | shim_certificate[^/]*\.efi | mok.*\.efi  # shim
      | grub\.cfg[^/]* | grub[^/]*\.lst | command\.lst | [^/]*\.mod       # GRUB
      | pxelinux\.cfg/.* | [^/]*\.c32 | ldlinux[^/]*                      # Syslinux
      | autoexec\.ipxe                                                    # iPXE
      | bootcode\.bin | bootsig\.bin | config\.txt | start[^/]*\.elf       # Raspberry Pi
    )$""",
    re.VERBOSE,
)

_SMALL = 4 << 20
"""Bytes of a file that is held in memory while it is sent; loaders have one or two MiB."""


def normalise(name: str) -> str:
    r"""``\EFI\x.efi`` → ``EFI/x.efi``, ``//pxe//x`` → ``pxe/x``.

    Firmware and shim write backslashes and stray slashes. Raises ProtocolError for a
    name that is empty, climbs with ``..`` or holds control characters.
    """
    parts = [part for part in name.replace("\\", "/").split("/") if part not in ("", ".")]
    if not parts or ".." in parts or not name.isprintable():
        raise ProtocolError(f"refused file name {name!r:.80}")
    return "/".join(parts)


def is_probe(name: str) -> bool:
    """Whether loaders ask for ``name`` in normal operation, on the chance that it exists."""
    return _PROBES.search(name.casefold()) is not None


@dataclass(frozen=True, slots=True)
class Text:
    """A rendered script."""

    body: bytes

    @property
    def size(self) -> int:
        return len(self.body)

    def read(self, offset: int, length: int) -> bytes:
        return self.body[offset : offset + length]

    def close(self) -> None:
        """Nothing to give back."""


class File:
    """A file as it was when opened, whatever becomes of its name meanwhile.

    Loaders are small: such a file is read at once, so that sending it never waits for a disk.
    """

    def __init__(self, path: Path) -> None:
        """Open ``path``. Blocks; raises OSError."""
        self._descriptor: int | None = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        self._body: bytes | None = None
        self.size = os.fstat(self._descriptor).st_size
        if self.size <= _SMALL:
            try:
                self._body = os.pread(self._descriptor, _SMALL, 0)
                self.size = len(self._body)
            finally:
                self.close()

    def read(self, offset: int, length: int) -> bytes:
        """A part; empty beyond the end. Raises OSError."""
        if self._body is not None:
            return self._body[offset : offset + length]
        if self._descriptor is None:
            raise OSError(errno.EBADF, "the file is closed")
        return os.pread(self._descriptor, length, offset)

    def close(self) -> None:
        """Give the descriptor back, if it is still held."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def find(name: str, booter: Booter, here: Endpoint) -> Text | File | None:
    """The content of ``name`` (normalised), in any case of letters, or None. Blocks; raises OSError."""
    if name.casefold() in SCRIPTS:
        return Text(render.bootstrap(here).encode())
    path = booter.locate(name) or booter.locate(name.casefold())
    if path is None or not path.is_file():
        return None
    return File(path)

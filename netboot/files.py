"""What clients fetch by TFTP: the booter's files, and scripts made for the address they are asked at."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from netboot import render

if TYPE_CHECKING:
    from pathlib import Path

    from netboot.booter import Booter
    from netboot.model import Endpoint

GENERATED = ("boot.ipxe", "autoexec.ipxe")
"""The same script under both names: newer iPXE for UEFI asks for the second one by itself."""


@dataclass(frozen=True, slots=True)
class Text:
    """A generated file."""

    body: bytes

    @property
    def size(self) -> int:
        """Bytes in all."""
        return len(self.body)

    def read(self, offset: int, length: int) -> bytes:
        """A part; empty beyond the end."""
        return self.body[offset : offset + length]

    def close(self) -> None:
        """Nothing to give back."""


class File:
    """An open file whose size is the one it had when opened, even if somebody replaces it."""

    def __init__(self, path: Path) -> None:
        """Open ``path``. Raises OSError."""
        self._descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        self.size = os.fstat(self._descriptor).st_size

    def read(self, offset: int, length: int) -> bytes:
        """A part. Raises OSError."""
        return os.pread(self._descriptor, length, offset)

    def close(self) -> None:
        """Give the descriptor back; must be called once."""
        os.close(self._descriptor)


def find(name: str, booter: Booter, here: Endpoint) -> Text | File | None:
    """The file ``name`` (normalised), in any case of letters, or None. Blocks; raises OSError."""
    if name.casefold() in GENERATED:
        return Text(render.bootstrap(here).encode())
    path = booter.locate(name) or booter.locate(name.casefold())
    if path is None or not path.is_file():
        return None
    return File(path)

"""Small files of an image's folder."""

from __future__ import annotations

from pathlib import Path

from provisioner.stores.files import failing

MOST = 64 << 20
"""Bytes to read of one: more is no list and no boot code."""


def names_in(folder: Path) -> list[str]:
    """Sorted. Raises StoreError."""
    with failing("read", folder):
        return sorted(path.name for path in folder.iterdir())


def read_bytes(path: Path) -> bytes:
    """Empty if it is not there. Raises StoreError."""
    if not path.exists():
        return b""
    with failing("read", path), path.open("rb") as file:
        return file.read(MOST)


def read_text(path: Path) -> str:
    """Empty if it is not there. Raises StoreError."""
    return read_bytes(path).decode(errors="replace")

"""A part of a disk or file as a block device of its own: partclone and mount want one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from initramfs.agent.disk.run import run


@contextmanager
def loop_device(path: Path, offset: int, size: int, *, writable: bool = False) -> Iterator[Path]:
    """A loop device over ``size`` bytes of ``path`` from ``offset``, gone at the end. Raises ToolError."""
    mode = () if writable else ("--read-only",)
    name = run(
        "losetup", "--find", "--show", *mode, "--offset", str(offset), "--sizelimit", str(size), str(path)
    ).stdout.strip()
    try:
        yield Path(name)
    finally:
        run("losetup", "--detach", name)

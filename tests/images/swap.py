"""Swap, page and hibernation files whose content can be told from everything else on a disk.

Every sector of their content begins with a mark. So what an image leaves out can be judged from the bytes
alone, without asking any file system where a file lies.
"""

from __future__ import annotations

from pathlib import Path

from tests.lab.command import run

PAGE = 4096
SECTOR = 512
MARK = b"a page of somebody's memory "


def memory(size: int) -> bytes:
    """``size`` bytes (a multiple of a sector) that no other file holds, no two sectors alike."""
    return b"".join(MARK + b"%0*d" % (SECTOR - len(MARK), number) for number in range(size // SECTOR))


def swap_file(path: Path, size: int) -> bytes:
    """A swap file that has been in use; its content."""
    path.write_bytes(memory(size))
    path.chmod(0o600)  # mkswap warns about anything wider
    run("mkswap", "-q", path)
    return path.read_bytes()


def hibernate(path: Path) -> None:
    """Change a swap file's signature as the kernel does when it hibernates into it."""
    with path.open("r+b") as file:
        file.seek(PAGE - 10)
        file.write(b"S1SUSPEND\0")


def assert_only_memory_is_gone(full: Path, lean: Path) -> int:
    """What ``lean`` lacks of ``full`` are marked sectors, and it has zeros for them; how many they are."""
    gone = 0
    with full.open("rb") as one, lean.open("rb") as two:
        while sector := one.read(SECTOR):
            other = two.read(SECTOR)
            if sector != other:
                assert sector.startswith(MARK), f"{sector[:64]!r} before {one.tell()} is lost"
                assert other == bytes(SECTOR)
                gone += 1
        assert not two.read(1)
    return gone

"""Contents are looked for once, shared, and closed when the last user has left."""

from __future__ import annotations

import asyncio
import os
import threading
from pathlib import Path

import pytest

from netboot.booter import StaticBooter
from netboot.model import Boot, Client, Endpoint, LocalDisk
from netboot.tftp import files
from netboot.tftp.contents import Contents
from tests.clients.packets import HERE


class Counting:
    """A booter with one large file, which counts how often it is asked and can hold the asker up."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.asked = 0
        self.let_go = threading.Event()
        self.let_go.set()

    def decide(self, client: Client, here: Endpoint) -> Boot:
        """Not asked here."""
        del client, here
        return LocalDisk()

    def locate(self, name: str) -> Path | None:
        """The file for any name but one."""
        self.asked += 1
        assert self.let_go.wait(30)
        return None if name == "missing" else self.path


@pytest.fixture
def large(tmp_path: Path) -> Path:
    """A file that is too large to be held in memory."""
    path = tmp_path / "large"
    path.touch()
    os.truncate(path, 64 << 20)
    return path


def descriptors(path: Path) -> int:
    """How often this process has ``path`` open."""
    return sum(Path(link).resolve() == path for link in Path("/proc/self/fd").iterdir() if link.exists())


def test_all_who_come_together_share_one_file(large: Path) -> None:
    """One question and one descriptor for a hundred; none is left when all have gone."""
    booter = Counting(large)

    async def load(
        contents: Contents, all_here: asyncio.Event, away: asyncio.Event, count: list[int]
    ) -> None:
        async with contents.borrow("large", HERE) as content:
            assert isinstance(content, files.File)
            count.append(1)
            if len(count) == 100:
                all_here.set()
            await away.wait()
            assert content.read(5, 3) == bytes(3)

    async def storm() -> None:
        contents, count = Contents(booter), list[int]()
        all_here, away = asyncio.Event(), asyncio.Event()
        async with asyncio.TaskGroup() as tasks:
            for _ in range(100):
                tasks.create_task(load(contents, all_here, away, count))
            await all_here.wait()
            assert descriptors(large) == 1
            contents.close()
            away.set()

    asyncio.run(storm())
    assert booter.asked == 1
    assert descriptors(large) == 0


def test_one_who_leaves_early_disturbs_nobody(large: Path) -> None:
    """A request that gives way while the file is looked for: the other one still gets it."""
    booter = Counting(large)
    booter.let_go.clear()

    async def load(contents: Contents) -> int:
        async with contents.borrow("large", HERE) as content:
            assert content is not None
            return content.size

    async def both() -> int:
        contents = Contents(booter)
        first, second = asyncio.create_task(load(contents)), asyncio.create_task(load(contents))
        await asyncio.sleep(0)
        first.cancel()
        await asyncio.wait([first])
        booter.let_go.set()
        size = await second
        contents.close()
        return size

    assert asyncio.run(both()) == 64 << 20
    assert descriptors(large) == 0


def test_what_is_missing_and_what_cannot_be_read(tmp_path: Path) -> None:
    """None for a name without a file; the error of a file that cannot be opened."""

    async def look() -> None:
        contents = Contents(Counting(tmp_path / "x"))
        async with contents.borrow("missing", HERE) as content:
            assert content is None
        contents.close()

    asyncio.run(look())
    small = tmp_path / "small"
    small.write_bytes(b"0123456789")
    found = files.find("small", StaticBooter((tmp_path,)), HERE)
    assert isinstance(found, files.File)
    assert descriptors(small) == 0  # read at once
    assert found.read(8, 100) == b"89"

"""What an image's size costs in memory: its index, and a bit for each chunk."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import pytest

from initramfs.imaging.device.parallel import COPIES, MEMORY, default_workers
from initramfs.imaging.format.signed import decode
from initramfs.imaging.restore.restore import Restore
from initramfs.imaging.restore.strategy import Different
from tests.images.in_memory import MIB, PUBLIC, lay
from tests.images.memory_use import Huge, Source, make


def peak(folder: Path, count: int) -> int:
    """Bytes, at most, of a scan of ``count`` MiB, without the manifest itself."""
    make(folder / "manifest", count)
    data = (folder / "manifest").read_bytes()
    tracemalloc.start()
    try:
        restore = Restore(
            lay(decode(data, PUBLIC), count * MIB),
            Source(),
            Huge(count * MIB),
            strategy=Different(),
            workers=1,
        )
        assert restore.counts.chunks_total == count
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_a_chunk_costs_its_record_and_a_few_bits(tmp_path: Path) -> None:
    """The signature is checked on a copy of the file; nothing else grows with it."""
    few, many = 2_000, 12_000
    grown = peak(tmp_path, many) - peak(tmp_path, few)
    assert grown < (many - few) * 50


@pytest.mark.parametrize("processors", [1, 2, 8, 64, 256])
@pytest.mark.parametrize("chunk", [1 << 16, MIB, 4 * MIB])
def test_many_processors_do_not_cost_more_memory(processors: int, chunk: int) -> None:
    """The threads' chunks together stay below the bound; there are always some threads."""
    workers = default_workers(chunk, processors)
    assert workers >= 4
    assert workers * COPIES * chunk <= MEMORY

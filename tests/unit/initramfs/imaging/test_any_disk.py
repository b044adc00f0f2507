"""Whatever a disk's table is like: what is restored is what was captured, or nothing is touched."""

from __future__ import annotations

import random
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from initramfs.imaging.device.device import Device
from initramfs.imaging.errors import DiskError
from initramfs.imaging.label import read_label
from initramfs.imaging.label.model import Label, Partition
from initramfs.imaging.restore.compose import compose
from initramfs.imaging.restore.layout import Layout
from initramfs.imaging.restore.restore import Restore
from initramfs.imaging.restore.strategy import Adaptive, Different, Everything
from initramfs.messages import Last
from tests.images.in_memory import MIB, Captured, capture_file
from tests.images.tables import CONTAINER, SECTOR, Spot, gpt_sectors, write_gpt, write_mbr
from tests.lab.command import run

OLD = b"\xa5"
"""What an earlier life left on the target, everywhere."""
GAPS = st.sampled_from([0, 0, 1, 7, 63, 2048])
COUNTS = st.sampled_from([1, 2, 7, 300, 2048, 5001])
SHIFTS = st.sampled_from([0, 1, -1, 33, -33, 66, -66, 2048, -2048, 5000, -5000])
LEAST = 512
"""Sectors of the smallest file system that is made."""


@dataclass(frozen=True, slots=True)
class Disk:
    """Its bytes and its partitions; ``small``: those with a file system that is smaller than they are."""

    data: bytes = field(repr=False)
    spots: tuple[Spot, ...]
    small: frozenset[int]


@st.composite
def disks(draw: st.DrawFn) -> Disk:
    """A disk with a short, long, crowded, scattered, empty or disordered table."""
    entries = draw(st.sampled_from([0, 0, 4, 7, 128, 256]))  # 0: an MBR
    first = gpt_sectors(entries) + 1 if entries else draw(st.sampled_from([1, 34, 63, 2048]))
    spots = list(_row(draw, first, 3, least=1 if entries else 0))
    numbers = draw(st.permutations(range(1, 5)))
    spots = [Spot(number, spot.start, spot.count) for number, spot in zip(numbers, spots, strict=False)]
    end = max([first, *(spot.end for spot in spots)])
    if not entries and draw(st.booleans()):
        logical = list(_logical(draw, end))
        end = max([end + 1, *(spot.end for spot in logical)])
        container = logical[0].record if logical else end - 1
        spots += [Spot(numbers[3], container, end - container, CONTAINER), *logical]
    tail = gpt_sectors(entries) if entries else 0
    data = bytearray(random.Random(draw(st.integers(0, 9))).randbytes((end + draw(GAPS) + tail) * SECTOR))
    small = {spot.number for spot in spots if spot.count > LEAST and draw(st.booleans())}
    for spot in spots:
        if spot.type != CONTAINER:
            place = slice(spot.start * SECTOR, spot.end * SECTOR)
            data[place] = _content(draw, len(data[place]), small=spot.number in small)
    if entries:
        write_gpt(data, spots, entries)
    else:
        write_mbr(data, spots)
    return Disk(bytes(data), tuple(spots), frozenset(small))


def _row(draw: st.DrawFn, first: int, most: int, least: int = 0) -> Iterator[Spot]:
    for _ in range(draw(st.integers(least, most))):
        spot = Spot(0, first + draw(GAPS), draw(COUNTS))
        yield spot
        first = spot.end


def _logical(draw: st.DrawFn, first: int) -> Iterator[Spot]:
    """Each behind its record; all but the first in any order."""
    found: list[Spot] = []
    for spot in _row(draw, first, 3):
        record = max([first, *(before.end for before in found)])
        start = max(spot.start, record) + 1
        found.append(Spot(0, start, spot.count, record=record))
    order = [*found[:1], *draw(st.permutations(found[1:]))]
    for number, spot in enumerate(order, 5):
        yield Spot(number, spot.start, spot.count, record=spot.record)


def _content(draw: st.DrawFn, size: int, *, small: bool) -> bytes:
    """Noise, zeros, or a file system with garbage in its free blocks and behind it."""
    noise = random.Random(size).randbytes(size)
    if not small:
        return draw(st.sampled_from([noise, bytes(size), bytes(size // 2) + noise[size // 2 :]]))
    with tempfile.NamedTemporaryFile(dir="/dev/shm", buffering=0) as file:
        file.write(noise)
        blocks = draw(st.integers(LEAST // 2 - 64, size // 1024))
        run("mke2fs", "-q", "-F", "-b", "1024", "-E", "nodiscard", file.name, str(blocks))
        return Path(file.name).read_bytes()


@dataclass(frozen=True, slots=True)
class Wish:
    """How it is captured and restored. ``shift``: sectors more than the source's; ``held``: half is there."""

    shift: int
    grow: int | None
    chunk_size: int
    strategy: Everything | Different | Adaptive
    held: bool


WISHES = st.builds(
    Wish,
    SHIFTS,
    st.sampled_from([None, Last.LAST]),
    st.sampled_from([1 << 16, 1 << 20, 1 << 22]),
    st.sampled_from([Everything(), Different(), Adaptive()]),
    st.booleans(),
)


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(disks(), WISHES)
def test_any_disk_comes_back(disk: Disk, wish: Wish) -> None:
    """Onto larger and smaller disks, used ones and such that hold half of it already."""
    with tempfile.TemporaryDirectory(dir="/dev/shm", prefix="disks-") as folder:
        source, target = Path(folder, "source"), Path(folder, "target")
        source.write_bytes(disk.data)
        size = max(len(disk.data) + wish.shift * SECTOR, SECTOR)
        old = (disk.data[: len(disk.data) // 2] if wish.held else b"").ljust(size, OLD)[:size]
        target.write_bytes(old)
        image = capture_file(source, chunk_size=wish.chunk_size)
        if image.manifest.header.label is None:
            return  # a table without partitions
        try:
            layout = lay_and_restore(image, target, wish.grow, wish.strategy)
        except DiskError:
            assert wish.shift < 0 or wish.grow is not None
            assert target.read_bytes() == old
            return
        result = target.read_bytes()
        assert label_of(result) == layout.label
        assert_partitions(disk, result, layout, Path(folder, "part"))
        assert_gaps(disk, result, layout)
        lay_and_restore(image, target, wish.grow, Different())
        assert target.read_bytes() == result


def lay_and_restore(
    image: Captured, target: Path, grow: int | None, strategy: Everything | Different | Adaptive
) -> Layout:
    """As ``clonesys image restore`` does, but that no file system grows."""
    with Device.open(target, writable=True) as device:
        layout = compose(target_size=device.size, sector_size=SECTOR, disk=image.manifest, grow=grow)
        Restore(layout, image.chunks, device, strategy=strategy).run()
    return layout


def label_of(data: bytes) -> Label | None:
    """What is read of a disk."""
    return read_label(lambda at, length: data[at : at + length], len(data), SECTOR)


def assert_partitions(disk: Disk, result: bytes, layout: Layout, file: Path) -> None:
    """Noise is the same byte for byte; file systems are in order, and nothing old is at a moved end."""
    assert layout.label is not None
    for spot in disk.spots:
        part = layout.label.area(spot.number)
        if part is None:
            continue
        assert part.start == spot.start * SECTOR
        now, before = result[part.start : part.end], disk.data[part.start : spot.end * SECTOR]
        if spot.number not in disk.small:
            assert now == before
            continue
        file.write_bytes(now)
        run("e2fsck", "-fn", file)
        if part.size != len(before):
            assert OLD * 64 not in now[-min(MIB, part.size) :]


def assert_gaps(disk: Disk, result: bytes, layout: Layout) -> None:
    """Boot code and what else lies between partitions is the same, up to the last one, but for tables."""
    assert layout.label is not None
    if layout.edits or layout.relocate:
        return
    areas = [Partition(0, 0, 0, ""), *layout.label.areas]
    for before, after in pairwise(areas):
        assert result[before.end : after.start] == disk.data[before.end : after.start]

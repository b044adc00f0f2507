"""Proving behind the writing: only what is durable, only where the medium allows it, and all of it."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from initramfs.imaging.device.device import Device
from initramfs.imaging.errors import VerifyError
from initramfs.imaging.restore.layout import Extent
from initramfs.imaging.restore.restore import Restore
from initramfs.imaging.restore.verify_behind import PROVERS, Mark, Task, VerifyBehind, VerifyPolicy
from initramfs.imaging.restore.verify_policy import may_cheat, policy_for
from tests.images.in_memory import MIB, Captured, FileTarget, Forgetful, capture_file, lay

CHUNK = 64 << 10
SIZE = 8 * MIB
CLOSE = VerifyPolicy(lag=4 * CHUNK, stretch=2 * CHUNK)


# --- the order of the work ----------------------------------------------------------------------------------


def lay_out(lengths: list[int]) -> list[Extent]:
    """Extents of these lengths, one behind the other."""
    ends = [sum(lengths[: number + 1]) for number in range(len(lengths))]
    return [Extent(end - length, length, b"", "") for end, length in zip(ends, lengths, strict=True)]


class Crew:
    """Threads that take and finish tasks in the order that ``chance`` says, and what they saw."""

    def __init__(
        self, extents: list[Extent], policy: VerifyPolicy | None, workers: int, chance: random.Random
    ) -> None:
        self.tasks = VerifyBehind(lambda: iter(extents), policy, workers)
        self.chance, self.workers = chance, workers
        self.busy: list[Task] = []
        self.flushing: list[Mark] = []
        self.written: list[int] = []
        self.proved: list[int] = []
        self.safe = 0
        """So many extents are durable."""

    def run(self) -> None:
        """Until all is written."""
        more = True
        while more or self.busy or self.flushing:
            if more and len(self.busy) + len(self.flushing) < self.workers and self.chance.random() < 0.6:
                more = self._take()
            elif self.flushing and self.chance.random() < 0.5:
                self._flush()
            elif self.busy:
                self._finish()

    def _take(self) -> bool:
        task = next(self.tasks, None)
        if task is None:
            return False
        if task.proving:
            assert task.number < self.safe, "not durable yet"
            self.proved.append(task.number)
        self.busy.append(task)
        assert sum(busy.proving for busy in self.busy) <= max(1, self.workers // PROVERS)
        return True

    def _finish(self) -> None:
        task = self.busy.pop(self.chance.randrange(len(self.busy)))
        if not task.proving:
            self.written.append(task.number)
        if mark := self.tasks.done(task):
            assert set(range(mark.number)) <= set(self.written), "a mark has a gap"
            self.flushing.append(mark)

    def _flush(self) -> None:
        mark = self.flushing.pop(self.chance.randrange(len(self.flushing)))
        self.safe = max(self.safe, mark.number)
        self.tasks.flushed(mark)


lengths = st.lists(st.integers(1, 40), max_size=80)
policies = st.builds(VerifyPolicy, lag=st.integers(0, 200), stretch=st.integers(1, 100))


@given(lengths, policies, st.integers(1, 12), st.randoms(use_true_random=False))
def test_only_what_is_durable_is_proved_and_in_order(
    sizes: list[int], policy: VerifyPolicy, workers: int, chance: random.Random
) -> None:
    """Whatever order threads finish in: all is written once, and proofs follow flushes."""
    crew = Crew(lay_out(sizes), policy, workers, chance)
    crew.run()
    assert sorted(crew.written) == list(range(len(sizes)))
    assert crew.proved == list(range(crew.tasks.proved))


@given(lengths, st.integers(1, 12), st.randoms(use_true_random=False))
def test_without_a_pace_nothing_is_proved_early(
    sizes: list[int], workers: int, chance: random.Random
) -> None:
    """Then the order is the strict one."""
    crew = Crew(lay_out(sizes), None, workers, chance)
    crew.run()
    assert not crew.proved
    assert sorted(crew.written) == list(range(len(sizes)))


def test_a_proof_keeps_its_distance() -> None:
    """One thread, extents of 10 bytes, a flush every 20: the first proof comes when 50 more are written."""
    tasks = VerifyBehind(lambda: iter(lay_out([10] * 12)), VerifyPolicy(lag=50, stretch=20), 1)
    seen = []
    for task in tasks:
        seen.append((task.number, task.proving))
        if mark := tasks.done(task):
            tasks.flushed(mark)
    assert seen.index((0, True)) == seen.index((6, False)) + 1
    assert tasks.proved == 6


# --- a restore ----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Captured:
    """Noise, in chunks of 64 KiB."""
    path = tmp_path_factory.mktemp("following") / "source"
    path.write_bytes(random.Random(1).randbytes(SIZE))
    return capture_file(path, chunk_size=CHUNK)


class Watched(FileTarget):
    """Notes writes, flushes and reads."""

    def __init__(self, device: Device) -> None:
        super().__init__(device)
        self.unflushed: set[int] = set()
        self.early = self.reads_between = 0
        self.writes = 0

    def write(self, data: memoryview, offset: int) -> None:
        self.unflushed.add(offset)
        super().write(data, offset)
        self.writes += 1

    def read_into(self, buffer: memoryview, offset: int) -> None:
        if offset >= MIB:  # behind the boot-critical region
            self.early += offset in self.unflushed
            self.reads_between += 0 < self.writes < SIZE // CHUNK
        super().read_into(buffer, offset)

    def flush(self) -> None:
        durable = set(self.unflushed)
        super().flush()
        self.unflushed -= durable


@pytest.mark.parametrize("workers", [1, 8])
def test_a_restore_reads_back_while_it_writes(image: Captured, tmp_path: Path, workers: int) -> None:
    """Everything is proved, once, and nothing before it was flushed."""
    with Device.create(tmp_path / "target", SIZE) as device:
        target = Watched(device)
        restore = Restore(
            lay(image.manifest, SIZE), image.chunks, target, workers=workers, verify_policy=CLOSE
        )
        done = restore.run()
    assert target.reads_between > 20
    assert not target.early
    assert done.chunks_verified == done.chunks_total == SIZE // CHUNK
    assert (tmp_path / "target").read_bytes() == random.Random(1).randbytes(SIZE)


@pytest.mark.parametrize("place", [MIB + 5, SIZE // 2, SIZE - 5], ids=["first", "middle", "last"])
def test_a_dropped_write_is_noticed_behind_the_writing(image: Captured, tmp_path: Path, place: int) -> None:
    """As it is after it."""
    with Device.create(tmp_path / "target", SIZE) as device, pytest.raises(VerifyError):
        Restore(lay(image.manifest, SIZE), image.chunks, Forgetful(device, place), verify_policy=CLOSE).run()


# --- the medium ---------------------------------------------------------------------------------------------


class Turning(FileTarget):
    """A disk whose reads take time, on a clock of its own."""

    def __init__(self, device: Device, seconds: float) -> None:
        super().__init__(device)
        self.now, self.seconds = 0.0, seconds

    def read_into(self, buffer: memoryview, offset: int) -> None:
        super().read_into(buffer, offset)
        self.now += self.seconds

    def clock(self) -> float:
        """Seconds."""
        return self.now


@pytest.fixture
def device(tmp_path: Path) -> Iterator[Device]:
    """A file to write to."""
    with Device.create(tmp_path / "disk", SIZE) as opened:
        yield opened


@pytest.mark.parametrize(("seconds", "follows"), [(0.008, False), (0.0001, True)])
def test_a_disk_that_turns_is_not_read_while_it_is_written(
    device: Device, seconds: float, *, follows: bool
) -> None:
    """Its head would go back and forth."""
    target = Turning(device, seconds)
    assert (policy_for(target, target.clock) is not None) is follows


@pytest.mark.parametrize(
    ("bus", "cheats"),
    [
        ("pci0000:00/0000:00:14.0/usb2/2-1/2-1:1.0/host6/target6:0:0/6:0:0:0/block", True),
        ("platform/fe340000.mmc/mmc_host/mmc0/mmc0:aaaa/block", True),
        ("pci0000:00/0000:00:17.0/ata1/host0/target0:0:0/0:0:0:0/block", False),
        ("pci0000:00/0000:01:00.0/nvme/nvme0", False),
    ],
)
def test_memory_sticks_and_cards_are_proved_at_the_end(
    device: Device, tmp_path: Path, bus: str, *, cheats: bool
) -> None:
    """A partition too: its place is below its disk's."""
    place = tmp_path / "devices" / bus / "disk"
    (place / "disk1").mkdir(parents=True)
    links = tmp_path / "class"
    links.mkdir()
    (links / "disk").symlink_to(place)
    (links / "disk1").symlink_to(place / "disk1")
    assert may_cheat(Path("/dev/disk"), links) is cheats
    assert may_cheat(Path("/dev/disk1"), links) is cheats
    quick = Turning(device, 0)
    assert (policy_for(quick, quick.clock, links) is None) is cheats


class Cheating(FileTarget):
    """It has half of the memory that it claims, and what lies beyond overwrites the beginning."""

    def read_into(self, buffer: memoryview, offset: int) -> None:
        super().read_into(buffer, offset % (SIZE // 2))

    def write(self, data: memoryview, offset: int) -> None:
        super().write(data, offset % (SIZE // 2))


def test_a_device_with_less_memory_than_it_claims_is_noticed(image: Captured, device: Device) -> None:
    """In the strict order: the beginning is read when the end is written."""
    with pytest.raises(VerifyError):
        Restore(lay(image.manifest, SIZE), image.chunks, Cheating(device)).run()

"""Restoring: right, or not bootable."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from initramfs.imaging.device.device import Device
from initramfs.imaging.errors import (
    ChunkError,
    Corrupt,
    DeviceError,
    DiskError,
    LayoutError,
    Missing,
    VerifyError,
)
from initramfs.imaging.format.chunk import Packer
from initramfs.imaging.format.index import State
from initramfs.imaging.format.source import ChunkSource
from initramfs.imaging.label import read_label
from initramfs.imaging.restore.compose import compose
from initramfs.imaging.restore.restore import Restore
from initramfs.imaging.restore.strategy import Different
from tests.images.disk import Slot, partition
from tests.images.in_memory import (
    MIB,
    Captured,
    Failing,
    Forgetful,
    Recording,
    Spoiled,
    capture_file,
    lay,
    reason_on,
    restore_file,
)

SIZE = 12 * MIB
SLOTS = (Slot(1, 3, "83", "bootable"), Slot(2, 2, "83"))


def noise(seed: int, size: int) -> bytes:
    """Bytes that do not compress, the same for the same seed."""
    return random.Random(seed).randbytes(size)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A disk with an MBR, boot code in its gap, and noise in the partitions and behind them."""
    path = tmp_path / "source"
    partition(path, 12, "label: dos", SLOTS)
    with path.open("r+b") as file:
        for place, seed in ((0x200, 1), (MIB, 2), (2 * MIB + 4096, 3), (4 * MIB, 4), (SIZE - 4096, 5)):
            file.seek(place)
            file.write(noise(seed, 4096))
    return path


@pytest.fixture
def image(source: Path) -> Captured:
    """Its image. Nothing in it is a file system, so all of it is kept."""
    return capture_file(source)


@pytest.fixture
def target(tmp_path: Path) -> Path:
    """A used disk of the same size."""
    path = tmp_path / "target"
    path.write_bytes(noise(99, SIZE))
    return path


def test_a_disk_comes_back_byte_for_byte(source: Path, image: Captured, target: Path) -> None:
    """Also where zeros were: they were in use, as far as anybody knows."""
    outcome = restore_file(image, target).counts
    assert target.read_bytes() == source.read_bytes()
    assert outcome.chunks_verified == outcome.chunks_total == outcome.chunks_fetched > 4
    assert outcome.bytes_fetched < outcome.bytes_written
    assert outcome.bytes_written + outcome.bytes_zeroed == SIZE


@settings(max_examples=25, deadline=None)
@given(
    pieces=st.lists(st.tuples(st.integers(0, 2047), st.integers(1, 400), st.integers(0, 3)), max_size=8),
    sectors=st.integers(1, 2048),
    chunk_size=st.sampled_from([1 << 16, 1 << 17, 1 << 20, 1 << 22]),
    workers=st.integers(1, 5),
)
def test_any_content_comes_back(
    tmp_path_factory: pytest.TempPathFactory,
    pieces: list[tuple[int, int, int]],
    sectors: int,
    chunk_size: int,
    workers: int,
) -> None:
    """Whatever lies on it, however it is cut, by however many threads."""
    folder = tmp_path_factory.mktemp("any")
    content = bytearray(sectors * 512)
    for start, count, seed in pieces:
        content[start * 512 : (start + count) * 512] = (
            noise(seed, count * 512) if seed else bytes(count * 512)
        )
    del content[sectors * 512 :]
    source, target = folder / "source", folder / "target"
    source.write_bytes(content)
    target.write_bytes(noise(7, len(content)))
    image = capture_file(source, chunk_size=chunk_size)
    with Device.open(target, writable=True) as device:
        Restore(lay(image.manifest, device.size), image.chunks, device, workers=workers).run()
    assert target.read_bytes() == content


def test_a_larger_disk_keeps_nothing_bootable_at_its_end(source: Path, image: Captured, target: Path) -> None:
    """A GPT's backup from an earlier life would be believed by firmware."""
    target.write_bytes(noise(99, 2 * SIZE))
    restore_file(image, target)
    content = target.read_bytes()
    assert content[:SIZE] == source.read_bytes()
    assert content[-MIB:] == bytes(MIB)
    assert content[SIZE:-MIB] == noise(99, 2 * SIZE)[SIZE:-MIB]


def test_the_first_sector_is_the_last_thing_written(image: Captured, target: Path) -> None:
    """The boot-critical regions are wiped and flushed first; sector 0 is written when all else is durable."""
    with Device.open(target, writable=True) as device:
        recording = Recording(device)
        Restore(lay(image.manifest, SIZE), image.chunks, recording).run()
    calls = recording.calls
    assert calls[:2] == [("write", 0, 512), ("flush", 0, 0)]
    assert calls[2:5] == [("zero", 512, MIB - 512), ("zero", SIZE - MIB, MIB), ("flush", 0, 0)]
    assert calls[-4:] == [("write", 512, MIB - 512), ("flush", 0, 0), ("write", 0, 512), ("flush", 0, 0)]


def flip(data: bytes) -> bytes:
    """One bit of the object's content."""
    return data[:-9] + bytes([data[-9] ^ 16]) + data[-8:]


def cut(data: bytes) -> bytes:
    """A body that ends early."""
    return data[: len(data) // 2]


def lose(_data: bytes) -> bytes:
    """A chunk that is not there."""
    raise Missing(b"?" * 32, "not found")


def swap(_data: bytes) -> bytes:
    """A whole object, but another chunk's."""
    return Packer().pack(noise(5, MIB))


@pytest.mark.parametrize("how", [flip, cut, lose, swap])
@pytest.mark.parametrize("place", [0, 2 * MIB, SIZE - MIB], ids=["head", "middle", "tail"])
def test_a_bad_chunk_is_not_written_and_the_disk_does_not_boot(
    image: Captured, target: Path, how: Callable[[bytes], bytes], place: int
) -> None:
    """A flipped bit, a truncated body, a 404, another chunk: it is named, its place is untouched."""
    before = target.read_bytes()
    victim = next(r for r in image.manifest.index if r.offset == place and r.state is State.DATA)
    with Device.open(target, writable=True) as device, pytest.raises(ChunkError) as caught:
        Restore(lay(image.manifest, SIZE), Spoiled(image.chunks, victim.digest, how), device).run()
    if how is not lose:
        assert isinstance(caught.value, Corrupt)
        assert victim.digest.hex() in caught.value.message
    after = target.read_bytes()
    if place == 2 * MIB:
        assert after[victim.offset : victim.end] == before[victim.offset : victim.end]
        assert caught.value.message[:400] in reason_on(after)
        assert after[-MIB:] == bytes(MIB)
    else:
        assert after == before  # what belongs into a boot-critical region is fetched before anything is wiped


@pytest.mark.parametrize(
    "place", [2 * MIB + 4096, MIB, 100, SIZE - 100], ids=["middle", "partition", "head", "tail"]
)
def test_a_disk_that_drops_writes_is_noticed(image: Captured, target: Path, place: int) -> None:
    """Reading back finds it. If not even sector 0 can be wiped, the disk stays as it was."""
    before = target.read_bytes()
    with Device.open(target, writable=True) as device, pytest.raises(VerifyError) as caught:
        Restore(lay(image.manifest, SIZE), image.chunks, Forgetful(device, place)).run()
    assert "replace" in caught.value.hint
    after = target.read_bytes()
    assert after == before if place == 100 else "back different" in reason_on(after)


@pytest.mark.parametrize("place", [2 * MIB + 4096, 100, SIZE - 100], ids=["middle", "head", "tail"])
def test_a_disk_that_fails_leaves_nothing_bootable(image: Captured, target: Path, place: int) -> None:
    """EIO stops at once, and is what the disk says; if it cannot say anything, it is as it was."""
    before = target.read_bytes()
    with Device.open(target, writable=True) as device, pytest.raises(DeviceError):
        Restore(lay(image.manifest, SIZE), image.chunks, Failing(device, place)).run()
    after = target.read_bytes()
    assert after == before if place == 100 else "Input/output error" in reason_on(after)


def test_personalising_happens_before_the_disk_can_boot(source: Path, image: Captured, target: Path) -> None:
    """At that time the partitions are whole and there is no label; what is changed then stays."""

    def personalise(_device: object) -> None:
        content = target.read_bytes()
        assert "cut before its end" in reason_on(content)
        assert content[MIB : SIZE - MIB] == source.read_bytes()[MIB : SIZE - MIB]
        with target.open("r+b") as file:
            file.seek(3 * MIB)
            file.write(b"my name")

    with Device.open(target, writable=True) as device:
        Restore(lay(image.manifest, SIZE), image.chunks, device).run(personalise)
    assert target.read_bytes()[3 * MIB :][:7] == b"my name"
    assert target.read_bytes()[:MIB] == source.read_bytes()[:MIB]


def test_a_failing_personalisation_leaves_the_disk_closed(image: Captured, target: Path) -> None:
    """Better no system than one with another host's name."""

    def personalise(_device: object) -> None:
        raise RuntimeError("no root here")

    with Device.open(target, writable=True) as device, pytest.raises(RuntimeError):
        Restore(lay(image.manifest, SIZE), image.chunks, device).run(personalise)
    assert reason_on(target.read_bytes()) == "RuntimeError: no root here"


def test_progress_is_told_for_every_step(image: Captured, target: Path) -> None:
    """From nothing to everything, in the order of the phases."""
    told: list[tuple[str, int, int]] = []
    with Device.open(target, writable=True) as device:
        restore = Restore(
            lay(image.manifest, SIZE), image.chunks, device, progress=lambda *report: told.append(report)
        )
        restore.run()
    steps = list(dict.fromkeys(step for step, _, _ in told))
    assert steps == ["prepare", "write", "verify", "commit"]
    for step in steps:
        done = [(done, total) for name, done, total in told if name == step]
        assert done[0][0] == 0
        assert done[-1][0] == done[-1][1]
        assert done == sorted(done)


# --- delta ------------------------------------------------------------------------------------------


def delta(image: Captured, target: Path) -> Restore:
    """Restore what differs."""
    with Device.open(target, writable=True) as device:
        restore = Restore(lay(image.manifest, device.size), image.chunks, device, strategy=Different())
        restore.run()
    return restore


def test_a_disk_that_is_right_is_left_alone(image: Captured, target: Path) -> None:
    """Nothing fetched, nothing written, everything proved."""
    restore_file(image, target)
    changed = target.stat().st_mtime_ns
    outcome = delta(image, target).counts
    assert (outcome.chunks_fetched, outcome.bytes_written, outcome.bytes_zeroed) == (0, 0, 0)
    assert outcome.chunks_verified == outcome.chunks_total
    assert target.stat().st_mtime_ns == changed


def test_only_what_differs_is_fetched(source: Path, image: Captured, target: Path) -> None:
    """One chunk in the middle; what must be withheld is taken from the disk itself."""
    restore_file(image, target)
    with target.open("r+b") as file:
        file.seek(2 * MIB + 77)
        file.write(b"changed")
    outcome = delta(image, target).counts
    assert outcome.chunks_fetched == 1
    assert outcome.chunks_verified == outcome.chunks_total
    assert target.read_bytes() == source.read_bytes()


def test_a_restore_that_was_cut_is_continued(source: Path, image: Captured, target: Path) -> None:
    """What is provably there is not fetched again."""
    victim = next(r for r in image.manifest.index if r.offset == 4 * MIB)
    with Device.open(target, writable=True) as device, pytest.raises(Missing):
        Restore(
            lay(image.manifest, SIZE), Spoiled(image.chunks, victim.digest, lose), device, workers=1
        ).run()
    outcome = delta(image, target).counts
    assert outcome.bytes_skipped >= 2 * MIB
    assert target.read_bytes() == source.read_bytes()


# --- partitions ------------------------------------------------------------------------------------------


@contextmanager
def onto_partition(image: Captured, target: Path, number: int, source: ChunkSource) -> Iterator[Restore]:
    """A restore of a partition image onto a labelled disk, not run yet."""
    with Device.open(target, writable=True) as device:
        label = read_label(device.read, device.size, 512)
        layout = compose(
            target_size=device.size, sector_size=512, partitions={number: image.manifest}, label=label
        )
        yield Restore(layout, source, device)


@pytest.fixture
def part(source: Path, target: Path) -> Captured:
    """An image of 2 MiB of noise for partition 2; the target holds the disk."""
    target.write_bytes(source.read_bytes())
    path = target.parent / "part"
    path.write_bytes(noise(8, 2 * MIB))
    return capture_file(path, "sda2_Data")


def test_a_partition_goes_onto_a_disk_that_is_otherwise_kept(
    source: Path, target: Path, part: Captured
) -> None:
    """The label and the other partitions stay as they are."""
    with onto_partition(part, target, 2, part.chunks) as restore:
        restore.run()
    content = source.read_bytes()
    assert target.read_bytes() == content[: 4 * MIB] + noise(8, 2 * MIB) + content[6 * MIB :]


def test_a_partition_is_whole_after_verify(target: Path, part: Captured) -> None:
    """So that it can be mounted and personalised before the last step."""
    with onto_partition(part, target, 2, part.chunks) as restore:
        restore.prepare()
        restore.write()
        assert reason_on(target.read_bytes()[4 * MIB : 5 * MIB])
        restore.verify()
        assert target.read_bytes()[4 * MIB : 6 * MIB] == noise(8, 2 * MIB)
        assert restore.commit().chunks_verified == 2


def test_a_partition_begins_with_its_superblock(target: Path, part: Captured) -> None:
    """Which is in its first 4 KiB: they are wiped before all else, and written after all else."""
    with Device.open(target, writable=True) as device:
        recording = Recording(device)
        label = read_label(device.read, device.size, 512)
        layout = compose(target_size=SIZE, sector_size=512, partitions={2: part.manifest}, label=label)
        Restore(layout, part.chunks, recording).run()
    start, calls = 4 * MIB, recording.calls
    assert calls[:2] == [("write", start, 4096), ("flush", 0, 0)]
    assert calls[2:4] == [("zero", start + 4096, MIB - 4096), ("flush", 0, 0)]
    assert calls[-5:] == [
        ("write", start + 4096, MIB - 4096), ("flush", 0, 0), ("write", start, 4096), ("flush", 0, 0),
        ("flush", 0, 0),
    ]  # fmt: skip


def test_a_broken_partition_does_not_mount(source: Path, target: Path, part: Captured) -> None:
    """Its first MiB stays empty; nothing else is touched."""
    spoiled = Spoiled(part.chunks, part.manifest.index[1].digest, flip)
    with onto_partition(part, target, 2, spoiled) as restore, pytest.raises(Corrupt):
        restore.run()
    content = source.read_bytes()
    after = target.read_bytes()
    assert after[: 4 * MIB] + after[5 * MIB :] == content[: 4 * MIB] + content[5 * MIB :]
    assert "another SHA-256" in reason_on(after[4 * MIB : 5 * MIB])


def test_a_target_that_is_too_small_is_not_touched(image: Captured, target: Path) -> None:
    """Refused while nothing has been written."""
    target.write_bytes(noise(1, 5 * MIB))
    with Device.open(target, writable=True) as device, pytest.raises(LayoutError, match=f"needs {6 * MIB} "):
        lay(image.manifest, device.size)
    assert target.read_bytes() == noise(1, 5 * MIB)


def test_every_error_of_the_engine_has_words_for_people() -> None:
    """One root, with a message and a hint."""
    assert issubclass(ChunkError, DiskError)
    assert Missing(b"\1" * 32, "gone").message.startswith("chunk 0101")

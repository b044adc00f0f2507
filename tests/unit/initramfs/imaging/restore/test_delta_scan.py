"""What is right on the disk is neither fetched nor written; what is right as a whole is not touched."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from initramfs.imaging.device.device import Device
from initramfs.imaging.errors import Missing
from initramfs.imaging.restore.compose import compose
from initramfs.imaging.restore.layout import Layout
from initramfs.imaging.restore.restore import Restore
from initramfs.imaging.restore.strategy import Adaptive, Strategy
from tests.images.disk import Slot, partition
from tests.images.failing_targets import Volatile
from tests.images.in_memory import MIB, Captured, MemoryChunks, Spoiled, capture_file, lay

SIZE = 24 * MIB
CHUNK = 1 << 16
NEVER = 1 << 60


def noise(seed: int, size: int) -> bytes:
    """Bytes that do not compress, the same for the same seed."""
    return random.Random(seed).randbytes(size)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where images are made."""
    return tmp_path_factory.mktemp("scan")


@pytest.fixture(scope="module")
def image(folder: Path) -> Captured:
    """A disk with a GPT and 14 MiB of noise in a partition, in chunks of 64 KiB."""
    partition(folder / "source", SIZE // MIB, "label: gpt", (Slot(1, 20, "L"),))
    with (folder / "source").open("r+b") as file:
        for number in range(14):
            file.seek((2 + number) * MIB)
            file.write(noise(number, MIB))
    return capture_file(folder / "source", chunk_size=CHUNK)


def disk(content: bytes) -> Volatile:
    """A disk in memory."""
    return Volatile(content, NEVER, 0)


def run(
    image: Captured, target: Volatile, strategy: Strategy | None = None, *, changing: bool = False
) -> Restore:
    """A whole restore that looks."""
    restore = Restore(
        lay(image.manifest, target.size),
        image.chunks,
        target,
        workers=2,
        strategy=strategy or Adaptive(),
        changing=changing,
    )
    restore.run()
    return restore


@pytest.mark.parametrize("size", [SIZE, SIZE + 8 * MIB], ids=["same size", "larger"])
def test_onto_itself_nothing_is_fetched_or_written(image: Captured, size: int) -> None:
    """Also where the GPT was moved to the end of a larger disk: what the image has is recognised in it."""
    first = disk(noise(99, size))
    run(image, first)
    again = disk(bytes(first.medium))
    outcome = run(image, again).counts
    assert not again.changed
    assert (outcome.chunks_fetched, outcome.bytes_written, outcome.bytes_zeroed) == (0, 0, 0)
    assert (outcome.bytes_discarded, outcome.bytes_fetched) == (0, 0)
    assert outcome.chunks_verified == outcome.chunks_total


@pytest.mark.parametrize(
    "place", [100, 700, SIZE - 100, SIZE + 8 * MIB - 600], ids=["mbr", "gpt", "old", "end"]
)
def test_a_label_that_is_not_right_is_written_again(image: Captured, place: int) -> None:
    """Also the backup at the end of a larger disk, and what firmware could take for one."""
    first = disk(noise(99, SIZE + 8 * MIB))
    run(image, first)
    spoiled = bytearray(first.medium)
    spoiled[place] ^= 1
    again = disk(bytes(spoiled))
    outcome = run(image, again).counts
    if place == SIZE - 100:  # where the backup was on the smaller disk: nothing now
        assert not again.changed
    else:
        assert again.medium == first.medium
        assert outcome.chunks_fetched <= 2
        assert outcome.bytes_written + outcome.bytes_zeroed < 4 * MIB


def test_a_blank_disk_is_not_hashed(image: Captured) -> None:
    """Some dozen chunks are read before it is written; then what was written."""
    for content in (bytes(SIZE), noise(98, SIZE)):
        target = disk(content)
        restore = Restore(lay(image.manifest, SIZE), image.chunks, target, strategy=Adaptive(), workers=2)
        restore.scan()
        zeros = sum(item.length for item in image.manifest.index if not any(item.digest))
        assert restore.counts.bytes_read < zeros + 2 * MIB + 40 * CHUNK
        restore.prepare()
        restore.write()
        restore.verify()
        assert restore.commit().chunks_verified == restore.counts.chunks_total


def test_only_what_differs_is_fetched(image: Captured, folder: Path) -> None:
    """Three changed places are three chunks."""
    spoiled = bytearray((folder / "source").read_bytes())
    for place in (3 * MIB, 7 * MIB + 5, 14 * MIB):
        spoiled[place] ^= 255
    target = disk(bytes(spoiled))
    outcome = run(image, target).counts
    assert outcome.chunks_fetched == 3
    assert target.medium == (folder / "source").read_bytes()


def test_the_guards_are_not_fetched_if_they_are_right(image: Captured, folder: Path) -> None:
    """They are wiped all the same: the disk is not right while something else is written."""
    spoiled = bytearray((folder / "source").read_bytes())
    spoiled[7 * MIB] ^= 255
    victims = {item.digest for item in image.manifest.index if item.offset < MIB and any(item.digest)}
    chunks = MemoryChunks({name: data for name, data in image.chunks.items() if name not in victims})
    target = disk(bytes(spoiled))
    Restore(lay(image.manifest, SIZE), chunks, target, strategy=Adaptive()).run()
    assert target.changed
    assert target.medium == (folder / "source").read_bytes()


def test_a_disk_that_will_be_changed_is_opened_although_it_is_right(image: Captured, folder: Path) -> None:
    """Personalising happens while it cannot start; nothing is fetched for that."""
    target = disk((folder / "source").read_bytes())
    seen = []

    def personalise(_target: object) -> None:
        seen.append(bytes(target.medium[510:512]))

    restore = Restore(lay(image.manifest, SIZE), image.chunks, target, strategy=Adaptive())
    assert restore.run(personalise).chunks_fetched == 0
    assert seen == [bytes(2)]
    assert target.medium == (folder / "source").read_bytes()
    steps = disk((folder / "source").read_bytes())
    assert run(image, steps, changing=True).counts.chunks_fetched == 0
    assert steps.changed


def test_the_last_failure_is_told(image: Captured) -> None:
    """Until the disk is right."""
    target = disk(noise(1, SIZE))
    victim = next(item.digest for item in image.manifest.index if item.offset > 9 * MIB and any(item.digest))

    def lose(_data: bytes) -> bytes:
        raise Missing(victim, "not there")

    layout = lay(image.manifest, SIZE)
    assert Restore(layout, image.chunks, target).last_failure() == ""
    with pytest.raises(Missing):
        Restore(layout, Spoiled(image.chunks, victim, lose), target).run()
    assert "not there" in Restore(layout, image.chunks, target).last_failure()
    assert run(image, target).last_failure() == ""


# --- several images -----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def part(folder: Path) -> Captured:
    """Of a partition, 20 MiB."""
    (folder / "part").write_bytes(noise(50, 3 * MIB) + bytes(14 * MIB) + noise(51, 3 * MIB))
    return capture_file(folder / "part", "sda1_Part", chunk_size=CHUNK)


@pytest.fixture(scope="module")
def both(image: Captured, part: Captured) -> tuple[Layout, MemoryChunks]:
    """The partition's image laid over the disk's."""
    layout = compose(target_size=SIZE, sector_size=512, disk=image.manifest, partitions={1: part.manifest})
    return layout, MemoryChunks(image.chunks | part.chunks)


def test_what_was_done_is_counted_by_image(both: tuple[Layout, MemoryChunks]) -> None:
    """And the images together are all of it."""
    layout, chunks = both
    target = disk(noise(99, SIZE))
    restore = Restore(layout, chunks, target, strategy=Adaptive())
    restore.run()
    whole, laid = restore.images["sda_Test@1"], restore.images["sda1_Part@1"]
    assert laid.chunks_total == laid.chunks_verified == laid.chunks_fetched == 6 * MIB // CHUNK
    assert laid.bytes_written == 6 * MIB
    assert 0 < whole.chunks_total == whole.chunks_verified < 40
    assert whole.chunks_total + laid.chunks_total == restore.counts.chunks_total
    again = Restore(layout, chunks, disk(bytes(target.medium)), strategy=Adaptive())
    again.run()
    assert again.images["sda1_Part@1"].bytes_skipped == 20 * MIB
    assert again.images["sda1_Part@1"].chunks_verified == 6 * MIB // CHUNK


def test_a_partition_onto_itself(image: Captured, part: Captured, folder: Path) -> None:
    """Nothing is fetched or written there either; one changed byte is one chunk, also at its start."""
    label = image.manifest.header.label
    layout = compose(target_size=SIZE, sector_size=512, partitions={1: part.manifest}, label=label)

    def go(content: bytes) -> tuple[Volatile, Restore]:
        target = disk(content)
        restore = Restore(layout, part.chunks, target, strategy=Adaptive())
        restore.run()
        return target, restore

    first, _ = go((folder / "source").read_bytes())
    again, restore = go(bytes(first.medium))
    assert not again.changed
    assert restore.counts.chunks_fetched == 0
    assert restore.counts.chunks_verified == restore.counts.chunks_total
    for place in (MIB + 5, 3 * MIB):
        spoiled = bytearray(first.medium)
        spoiled[place] ^= 1
        mended, restore = go(bytes(spoiled))
        assert mended.medium == first.medium
        assert restore.counts.chunks_fetched == 1


def test_a_file_is_looked_at_like_a_disk(image: Captured, folder: Path, tmp_path: Path) -> None:
    """With the page cache in between, where O_DIRECT is not to be had."""
    (tmp_path / "copy").write_bytes((folder / "source").read_bytes())
    with Device.open(tmp_path / "copy", writable=True) as device:
        restore = Restore(lay(image.manifest, SIZE), image.chunks, device, strategy=Adaptive())
        assert restore.run().chunks_fetched == 0

"""The power fails at any instant of a restore: the disk is as it was, or does not start, or is right.

Each cut restore is continued by another one, from what is on the disk, and ends byte-identical.
"""

from __future__ import annotations

import contextlib
import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from initramfs.imaging.format.manifest import Manifest
from initramfs.imaging.restore.boot_critical import decode_marker
from initramfs.imaging.restore.compose import compose
from initramfs.imaging.restore.layout import Layout
from initramfs.imaging.restore.restore import Restore
from initramfs.imaging.restore.strategy import Adaptive, Different, Everything, Strategy
from initramfs.imaging.restore.verify_behind import VerifyPolicy
from tests.images.disk import Slot, partition
from tests.images.failing_targets import PowerCutError, Volatile
from tests.images.in_memory import MIB, Captured, MemoryChunks, capture_file, lay

SIZE = 6 * MIB
NEVER = 1 << 60
CHUNK = 1 << 17


def noise(seed: int, size: int) -> bytes:
    """Bytes that do not compress, the same for the same seed."""
    return random.Random(seed).randbytes(size)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where images are made."""
    return tmp_path_factory.mktemp("cut")


@pytest.fixture(scope="module")
def image(folder: Path) -> Captured:
    """A disk with an MBR and two partitions of noise and zeros, in chunks of 128 KiB."""
    path = folder / "source"
    partition(path, SIZE // MIB, "label: dos", (Slot(1, 2, "83", "bootable"), Slot(2, 2, "83")))
    with path.open("r+b") as file:
        for place, seed in ((0x200, 1), (MIB, 2), (MIB + 700_000, 3), (3 * MIB, 4), (SIZE - 4096, 5)):
            file.seek(place)
            file.write(noise(seed, 300_000 if seed < 5 else 4096))
    return capture_file(path, chunk_size=CHUNK)


def run(
    layout: Layout,
    chunks: MemoryChunks,
    target: Volatile,
    strategy: Strategy,
    *,
    workers: int = 3,
    policy: VerifyPolicy | None = None,
) -> Restore | None:
    """A restore; None if the power failed."""
    restore = Restore(layout, chunks, target, strategy=strategy, workers=workers, verify_policy=policy)
    try:
        restore.run()
    except PowerCutError:
        return None
    return restore


def holds(content: bytes, manifest: Manifest, source: bytes, base: int = 0) -> bool:
    """Whether every range of the image is as in the source."""
    return all(
        content[base + item.offset : base + item.end] == source[item.offset : item.end]
        for item in manifest.index
    )


def starts(content: bytes) -> bool:
    """Whether firmware would try to start this disk."""
    return content[510:512] == b"\x55\xaa"


@pytest.mark.parametrize(
    "policy", [None, VerifyPolicy(lag=4 * CHUNK, stretch=2 * CHUNK)], ids=["strict", "behind"]
)
def test_at_fifty_instants_and_continued(image: Captured, folder: Path, policy: VerifyPolicy | None) -> None:
    """Of a restore over a disk that started something else; the instants are spread over all of it."""
    source, old = (folder / "source").read_bytes(), bytearray(noise(9, SIZE))
    old[510:512] = b"\x55\xaa"
    layout = lay(image.manifest, SIZE)
    workers = 1 if policy else 3  # with more, how often the disk is flushed behind them is up to chance
    whole = Volatile(bytes(old), NEVER, 0)
    assert run(layout, image.chunks, whole, Everything(), workers=workers, policy=policy)
    wiped = fetched = 0
    for seed in range(50):
        cut = 1 + seed * whole.operations // 50
        target = Volatile(bytes(old), cut, seed)
        assert run(layout, image.chunks, target, Everything(), workers=workers, policy=policy) is None
        found = bytes(target.medium)
        if starts(found):
            assert found == bytes(old) or holds(found, image.manifest, source)
        else:
            wiped += 1
            assert "cut before its end" in decode_marker(found[:512]) or found[:512] == bytes(512)
        again = Volatile(found, NEVER, seed)
        restore = run(layout, image.chunks, again, Adaptive(), workers=workers, policy=policy)
        assert restore is not None
        assert bytes(again.medium) == source
        assert restore.counts.chunks_verified == restore.counts.chunks_total
        fetched += restore.counts.chunks_fetched
    assert wiped > 40
    assert fetched < 50 * image_chunks(image) * 0.75, "what was there was used"


def image_chunks(image: Captured) -> int:
    """Chunks in an image."""
    return sum(any(item.digest) for item in image.manifest.index)


def test_again_and_again(image: Captured, folder: Path) -> None:
    """A machine whose power fails every few operations gets there, a little further each time."""
    source, content = (folder / "source").read_bytes(), noise(9, SIZE)
    layout = lay(image.manifest, SIZE)
    for attempt in range(200):
        target = Volatile(content, 40 + 2 * attempt, attempt)
        done = run(layout, image.chunks, target, Different())
        content = bytes(target.medium)
        if done:
            break
        assert not starts(content) or holds(content, image.manifest, source)
    assert content == source


def test_what_was_personalised_is_durable_before_the_disk_starts(image: Captured) -> None:
    """No clone starts with another's name because its own was still in the disk's cache."""
    layout, name = lay(image.manifest, SIZE), noise(77, 4096)

    def cut_at(cut: int, seed: int) -> Volatile:
        target = Volatile(noise(9, SIZE), cut, seed)

        def personalise(_target: object) -> None:
            target.write(memoryview(name), 2 * MIB)

        with contextlib.suppress(PowerCutError):
            Restore(layout, image.chunks, target, workers=1).run(personalise)
        return target

    whole = cut_at(NEVER, 0)
    for cut in range(whole.operations - 8, whole.operations + 1):
        for seed in range(8):
            found = bytes(cut_at(cut, seed).medium)
            assert not starts(found) or found[2 * MIB : 2 * MIB + 4096] == name


def test_one_partition_of_a_disk(image: Captured, folder: Path) -> None:
    """It is as it was, or has no beginning, or is right; the rest of the disk is never touched."""
    disk, label = (folder / "source").read_bytes(), image.manifest.header.label
    (folder / "part").write_bytes(noise(8, 2 * MIB))
    part = capture_file(folder / "part", "sda2_Data", chunk_size=CHUNK)
    layout = compose(target_size=SIZE, sector_size=512, partitions={2: part.manifest}, label=label)
    whole = Volatile(disk, NEVER, 0)
    assert run(layout, part.chunks, whole, Everything())
    for seed in range(25):
        target = Volatile(disk, 1 + seed * whole.operations // 25, seed, atom=4096)
        assert run(layout, part.chunks, target, Everything()) is None
        found = bytes(target.medium)
        assert found[: 3 * MIB] + found[5 * MIB :] == disk[: 3 * MIB] + disk[5 * MIB :]
        wiped = bool(decode_marker(found[3 * MIB :][:512]))
        assert wiped or found == disk or found[3 * MIB : 5 * MIB] == noise(8, 2 * MIB)
        again = Volatile(found, NEVER, seed)
        assert run(layout, part.chunks, again, Adaptive())
        assert again.medium == whole.medium


@settings(max_examples=40, deadline=None)
@given(
    pieces=st.lists(st.tuples(st.integers(0, 4095), st.integers(1, 900), st.integers(0, 3)), max_size=8),
    sectors=st.integers(1, 4096),
    chunk_size=st.sampled_from([1 << 16, 1 << 17, 1 << 20]),
    cuts=st.lists(st.integers(1, 120), min_size=1, max_size=4),
    seed=st.integers(0, 999),
    workers=st.integers(1, 4),
    policy=st.none() | st.builds(VerifyPolicy, lag=st.integers(0, 1 << 20), stretch=st.integers(1, 1 << 19)),
)
def test_any_content_any_chunks_any_cuts(  # noqa: PLR0917 - each is one thing that may be anything
    folder: Path,
    pieces: list[tuple[int, int, int]],
    sectors: int,
    chunk_size: int,
    cuts: list[int],
    seed: int,
    workers: int,
    policy: VerifyPolicy | None,
) -> None:
    """Whatever lies there, however it is cut and interrupted: at last the image, on all that is allocated."""
    content = bytearray(sectors * 512)
    for start, count, kind in pieces:
        content[start * 512 : (start + count) * 512] = (
            noise(kind, count * 512) if kind else bytes(count * 512)
        )
    del content[sectors * 512 :]
    (folder / "any").write_bytes(content)
    image = capture_file(folder / "any", chunk_size=chunk_size)
    layout, medium = lay(image.manifest, len(content)), noise(7, len(content))
    for number, cut in enumerate(cuts):
        target = Volatile(medium, cut, seed + number, atom=4096)
        run(layout, image.chunks, target, Adaptive(), workers=workers, policy=policy)
        medium = bytes(target.medium)
    last = Volatile(medium, NEVER, seed)
    assert run(layout, image.chunks, last, Adaptive(), workers=workers, policy=policy)
    assert holds(bytes(last.medium), image.manifest, bytes(content))
    once_more = Volatile(bytes(last.medium), NEVER, seed)
    restore = run(layout, image.chunks, once_more, Adaptive(), workers=workers, policy=policy)
    assert restore is not None
    assert not once_more.changed
    assert restore.counts.chunks_fetched == 0

"""A preview is what a restore makes: read of the images before the first write, byte for byte."""

from __future__ import annotations

import random
from pathlib import Path

from initramfs.imaging.device.device import Device
from initramfs.imaging.restore.compose import compose
from initramfs.imaging.restore.preview import Preview
from initramfs.imaging.restore.restore import Restore
from tests.images.disk import Slot, partition
from tests.images.in_memory import MIB, Captured, MemoryChunks, capture_file, restore_file

SLOTS = (Slot(1, 3, "83"), Slot(2, 0, "83"))


def make(path: Path, seed: int) -> Path:
    """A disk of 8 MiB: two partitions with noise and with zeros in them."""
    partition(path, 8, f"label: dos\nlabel-id: 0x0000000{seed}", SLOTS)
    with path.open("r+b") as disk:
        for at in range(MIB, 8 * MIB, 3 * MIB // 2):
            disk.seek(at)
            disk.write(random.Random(seed + at).randbytes(MIB // 2))
    return path


def pieces(preview: Preview, size: int) -> bytes:
    """All of it, in reads that fit no chunk."""
    return b"".join(preview.read(at, 300_001) for at in range(0, size + MIB, 300_001))


def test_of_a_whole_disk(tmp_path: Path) -> None:
    """What no image covers is zeros, whatever the disk holds now; the disk may be larger."""
    image = capture_file(make(tmp_path / "golden", 1))
    target = tmp_path / "target"
    target.write_bytes(b"\xa5" * 9 * MIB)
    with Device.open(target) as device:
        layout = compose(target_size=device.size, sector_size=512, disk=image.manifest)
        seen = pieces(Preview(layout, image.chunks, device), device.size)
    restore_file(image, target)
    assert seen[: 8 * MIB] == target.read_bytes()[: 8 * MIB]
    assert seen[8 * MIB :] == bytes(MIB)


def test_of_one_partition(tmp_path: Path) -> None:
    """The rest of the disk is as it is."""
    golden, target = make(tmp_path / "golden", 1), make(tmp_path / "target", 2)
    image: Captured = capture_file(golden, "sda1_Test", MemoryChunks(), partition=1)
    with Device.open(golden) as source:
        label = compose(target_size=source.size, sector_size=512, disk=capture_file(golden).manifest).label
    with Device.open(target, writable=True) as device:
        layout = compose(
            target_size=device.size, sector_size=512, partitions={1: image.manifest}, label=label
        )
        seen = pieces(Preview(layout, image.chunks, device), device.size)
        assert seen != target.read_bytes()
        Restore(layout, image.chunks, device).run()
    assert seen == target.read_bytes()

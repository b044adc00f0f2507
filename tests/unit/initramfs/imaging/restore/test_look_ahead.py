"""GPTs that are in order and not usual: entries elsewhere, many of them. Whole disks as files, restored."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from initramfs.imaging.device.device import Device
from initramfs.imaging.errors import LabelError
from initramfs.imaging.label import read_label
from initramfs.imaging.label.model import Label
from initramfs.imaging.restore.layout import Layout
from initramfs.imaging.restore.plan import plan
from initramfs.imaging.restore.restore import Restore
from initramfs.imaging.restore.strategy import Different
from initramfs.messages import Fit, GrowFailure, Last
from provisioner.base.units import parse_grow
from tests.images.in_memory import MIB, Captured, capture_file, reason_on
from tests.images.tables import SECTOR, Spot, write_gpt
from tests.lab.command import run

ELSEWHERE = 5000
"""The sector of the first copy's entries: behind the first MiB."""


def disk(path: Path, *, number: int = 1, entries: int = 128, first: int = 2, size: int = 16) -> Captured:
    """A disk of ``size`` MiB with one partition of noise from 6 MiB on, and its image."""
    data = bytearray(size * MIB)
    data[6 * MIB : 12 * MIB] = random.Random(first).randbytes(6 * MIB)
    write_gpt(data, [Spot(number, 6 * 2048, 6 * 2048)], entries, first)
    path.write_bytes(data)
    assert "No problems found" in run("sgdisk", "-v", path)
    return capture_file(path)


def restored(image: Captured, target: Path, size: int, fit: Fit) -> Layout:
    """On a used disk, of bytes; again onto itself the same."""
    target.write_bytes(b"\xa5" * size)
    for _ in range(2):
        with Device.open(target, writable=True) as device:
            layout = plan(image.chunks, device, fit, disk=image.manifest)
            Restore(layout, image.chunks, device, strategy=Different()).run()
        before = target.read_bytes()
    assert target.read_bytes() == before
    assert "No problems found" in run("sgdisk", "-v", target)
    return layout


def label_of(path: Path) -> Label:
    """As it is read."""
    data = path.read_bytes()
    label = read_label(lambda at, length: data[at : at + length], len(data), SECTOR)
    assert label is not None
    return label


@pytest.mark.parametrize("size", [14 * MIB, 16 * MIB, 40 * MIB])
def test_entries_behind_the_first_mib_are_found_and_moved_with_their_table(size: int, tmp_path: Path) -> None:
    """Firmware reads them from where the header says; they stay there."""
    image = disk(tmp_path / "disk", first=ELSEWHERE)
    layout = restored(image, tmp_path / "target", size, Fit())
    assert label_of(tmp_path / "target") == layout.label
    first, target = (tmp_path / "disk").read_bytes(), (tmp_path / "target").read_bytes()
    assert target[6 * MIB : 12 * MIB] == first[6 * MIB : 12 * MIB]
    assert target[ELSEWHERE * SECTOR :][: 16 << 10] == first[ELSEWHERE * SECTOR :][: 16 << 10]


def test_entries_elsewhere_are_written_last_too(tmp_path: Path) -> None:
    """Until then nothing of the table is on the disk."""
    image, target = disk(tmp_path / "disk", first=ELSEWHERE), tmp_path / "target"
    target.write_bytes((tmp_path / "disk").read_bytes().ljust(40 * MIB, b"\0"))

    with Device.open(target, writable=True) as device:
        layout = plan(image.chunks, device, Fit(), disk=image.manifest)
        restore = Restore(layout, image.chunks, device)
        for phase in (restore.prepare, restore.write, restore.verify):
            phase()
        assert reason_on(target.read_bytes(), 6 * MIB)


def test_entries_that_lie_too_far_away_are_told_as_what_they_are(tmp_path: Path) -> None:
    """Not as damage. A disk of the same size needs no move, and takes them."""
    data = bytearray(90 * MIB)
    write_gpt(data, [Spot(1, 80 * 2048, 2048)], 128, 70 * 2048)
    (tmp_path / "disk").write_bytes(data)
    image = capture_file(tmp_path / "disk")
    restored(image, tmp_path / "same", 90 * MIB, Fit())
    (tmp_path / "other").write_bytes(b"\xa5" * 100 * MIB)
    with Device.open(tmp_path / "other", writable=True) as device:
        layout = plan(image.chunks, device, Fit(), disk=image.manifest)
        with pytest.raises(LabelError, match=r"entries end at byte .* cannot be moved") as refused:
            Restore(layout, image.chunks, device).run()
    assert "sgdisk -j 2" in refused.value.hint
    assert (tmp_path / "other").read_bytes() == b"\xa5" * 100 * MIB


@pytest.mark.parametrize("odd", [0, 20 << 10])
def test_partition_200_of_256_grows_and_leaves_room_for_its_table(odd: int, tmp_path: Path) -> None:
    """The backup of 256 entries takes 32 KiB: more than what most disks need."""
    image = disk(tmp_path / "disk", number=200, entries=256)
    system = image.manifest.header
    assert system.label is not None
    grow = parse_grow("200")
    assert grow == 200
    size = 40 * MIB + odd
    layout = restored(image, tmp_path / "target", size, Fit(grow, GrowFailure.KEEP))
    assert "partition 200 holds no file system" in layout.notes[0]
    ext = tmp_path / "ext"
    ext.write_bytes(bytes(6 * MIB))
    run("mkfs.ext4", "-q", "-F", ext)
    with (tmp_path / "disk").open("r+b") as file:
        file.seek(6 * MIB)
        file.write(ext.read_bytes())
    layout = restored(capture_file(tmp_path / "disk"), tmp_path / "target", size, Fit(Last.LAST))
    assert label_of(tmp_path / "target") == layout.label
    assert layout.grow == 200
    assert layout.label is not None
    assert layout.label.areas[0].size == 33 * MIB

"""Disks that fail: real block devices with real errors."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from initramfs.imaging.device.device import Device, content_of
from initramfs.imaging.errors import DeviceError, LayoutError
from initramfs.imaging.restore.restore import Restore
from provisioner.images import operations
from tests.faults.conftest import SIZE, Loop, Site
from tests.images.in_memory import MIB, lay, reason_on
from tests.lab.command import run

pytestmark = [pytest.mark.root, pytest.mark.timeout(300)]

GONE = "Input/output error|No space left|No such device|is gone|ends at byte"


def test_a_disk_that_answers_eio_on_write(site: Site, tmp_path: Path) -> None:
    """A loop device whose file system is full: the kernel's own errors, in the middle of the restore."""
    small = tmp_path / "small"
    small.mkdir()
    run("mount", "-t", "tmpfs", "-o", "size=2500k", "tmpfs", small)
    try:
        run("truncate", "-s", str(SIZE), small / "disk")
        name = run("losetup", "--find", "--show", small / "disk").strip()
        try:
            with Device.open(Path(name), writable=True) as device, pytest.raises(DeviceError, match=GONE):
                Restore(lay(site.image, SIZE), site.store, device).run()
            assert "cannot" in reason_on(Path(name).read_bytes())
        finally:
            run("losetup", "--detach", name)
    finally:
        run("umount", small)


def test_a_disk_that_is_pulled(site: Site, loop: Loop, tmp_path: Path) -> None:
    """In the middle it has no size any more: every access fails, and so does the restore."""

    class Puller:
        """The store; after some chunks the disk is gone."""

        count = 0

        def fetch(self, digest: bytes) -> bytes:
            """See ChunkSource."""
            self.count += 1
            if self.count == 20:
                os.truncate(tmp_path / "backing", 0)
                run("losetup", "--set-capacity", disk)
            return site.store.fetch(digest)

    with loop() as disk:
        with Device.open(disk, writable=True) as device, pytest.raises(DeviceError, match=GONE):
            Restore(lay(site.image, SIZE), Puller(), device).run()
        assert (tmp_path / "backing").read_bytes()[510:512] != b"\x55\xaa"


@pytest.mark.parametrize(
    ("size", "sector", "reason"), [(SIZE - 4 * MIB, 512, "too small"), (SIZE, 4096, "sectors")]
)
def test_a_disk_that_does_not_fit_is_not_touched(
    site: Site, tmp_path: Path, size: int, sector: int, reason: str
) -> None:
    """Smaller than the partitions need, or of other sectors."""
    (tmp_path / "disk").write_bytes(b"x" * size)
    name = run("losetup", "--find", "--show", "--sector-size", str(sector), tmp_path / "disk").strip()
    try:
        with (
            operations.open_target(Path(name), site.image) as device,
            pytest.raises(LayoutError, match=reason),
        ):
            operations.restore_image(site.image, site.store, device)
        assert Path(name).read_bytes() == b"x" * size
    finally:
        run("losetup", "--detach", name)


def test_unused_ranges_are_discarded(site: Site, tmp_path: Path) -> None:
    """Before the disk is written; its backing file then has holes. Unless it should not be."""
    larger = tmp_path / "larger"
    larger.write_bytes(b"x" * 2 * SIZE)
    name = run("losetup", "--find", "--show", larger).strip()
    try:
        with Device.open(Path(name), writable=True) as device:
            kept = Restore(lay(site.image, 2 * SIZE), site.store, device, discard=False).run()
            assert kept.bytes_discarded == 0
            assert device.read(SIZE, SIZE - MIB) == b"x" * (SIZE - MIB)
            device.write(content_of(bytes(MIB)), 0)
            outcome = Restore(lay(site.image, 2 * SIZE), site.store, device).run()
        assert outcome.bytes_discarded == SIZE - MIB
        assert larger.stat().st_blocks * 512 < SIZE + 4 * MIB
        assert larger.read_bytes()[:SIZE] == site.source
    finally:
        run("losetup", "--detach", name)

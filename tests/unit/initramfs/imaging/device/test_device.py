"""Files as targets; block devices are in test_loop."""

from __future__ import annotations

from pathlib import Path

import pytest

from initramfs.imaging.device.device import Device, allocate, content_of
from initramfs.imaging.errors import DeviceError
from tests.images.in_memory import MIB


@pytest.fixture(params=["disk", "memory"])
def folder(request: pytest.FixtureRequest, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """On a file system that is likely to do O_DIRECT, and on a tmpfs."""
    return tmp_path if request.param == "memory" else tmp_path_factory.mktemp("disk")


def test_what_is_written_is_read(folder: Path) -> None:
    """At any sector, and anywhere for tables."""
    with Device.create(folder / "file", MIB) as device:
        device.write(content_of(b"x" * 1024), 512)
        device.flush()
        buffer = allocate(2048)
        device.read_into(buffer, 0)
        assert bytes(buffer) == bytes(512) + b"x" * 1024 + bytes(512)
        assert device.read(500, 20) == bytes(12) + b"x" * 8
        assert device.read(MIB - 4, 100) == bytes(4)
        assert device.read(MIB, 1) == b""


def test_zeros_are_written_where_something_is_and_holes_stay(folder: Path) -> None:
    """A restored file stays sparse."""
    with Device.create(folder / "file", 8 * MIB) as device:
        device.write(content_of(b"x" * MIB), 4 * MIB)
        device.zero(0, 8 * MIB)
        assert device.read(0, 8 * MIB) == bytes(8 * MIB)
        device.flush()
    assert (folder / "file").stat().st_blocks * 512 <= 2 * MIB


def test_zeros_end_where_they_should(folder: Path) -> None:
    """Not a sector more."""
    (folder / "file").write_bytes(b"x" * MIB)
    with Device.open(folder / "file", writable=True) as device:
        device.zero(512, 1024)
        assert device.read(0, 2048) == b"x" * 512 + bytes(1024) + b"x" * 512


def test_nothing_is_written_behind_the_end(folder: Path) -> None:
    """A file must not grow by a wrong offset."""
    with Device.create(folder / "file", MIB) as device, pytest.raises(DeviceError, match="behind byte"):
        device.write(allocate(1024), MIB - 512)
    assert (folder / "file").stat().st_size == MIB


def test_reading_behind_the_end_is_an_error(folder: Path) -> None:
    """A disk that shrank is not full of zeros."""
    with Device.create(folder / "file", MIB) as device, pytest.raises(DeviceError, match="ends at byte"):
        device.read_into(allocate(1024), MIB - 512)


def test_files_cannot_be_discarded(folder: Path) -> None:
    """It is only a hint, and says whether it was taken."""
    with Device.create(folder / "file", MIB) as device:
        assert not device.discard(0, MIB)


def test_a_closed_device_may_be_closed_again(folder: Path) -> None:
    """Cleaning up twice is harmless."""
    device = Device.create(folder / "file", MIB)
    device.close()
    device.close()

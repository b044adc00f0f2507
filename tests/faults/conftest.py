"""A small image in a real appliance's store, and a disk as a loop device that held something else."""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from initramfs.imaging.capture.capture import Facts
from initramfs.imaging.format.manifest import Manifest
from provisioner.base.home import Home
from provisioner.commands import init_appliance
from provisioner.images import operations
from provisioner.images.operations import Options
from provisioner.security.keys import load_private_key, load_public_key
from provisioner.stores.directory.store import DirectoryStore
from tests.images.disk import Slot, partition
from tests.images.in_memory import MIB
from tests.lab.command import run

SIZE = 24 * MIB
NAME = "sda_Small"

Loop = Callable[[], AbstractContextManager[Path]]


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Loop devices are the superuser's."""
    if item.get_closest_marker("root") and os.geteuid() != 0:
        pytest.skip("needs root")


@dataclass(frozen=True)
class Site:
    """An appliance with one image of a disk, in chunks of 64 KiB, and the disk it was made of."""

    home: Path
    source: bytes
    image: Manifest
    chunks: int

    @property
    def store(self) -> DirectoryStore:
        """Its store."""
        return DirectoryStore(Home(self.home).store)


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    """An MBR, two partitions with noise and zeros, 24 MiB."""
    folder = tmp_path_factory.mktemp("site")
    init_appliance.create(folder / "home")
    disk, rng = folder / "disk", random.Random(1)
    partition(disk, SIZE // MIB, "label: dos", (Slot(1, 10, "83", "bootable"), Slot(2, 10, "83")))
    with disk.open("r+b") as file:
        for place in (0x200, 2 * MIB, 5 * MIB, 12 * MIB, 20 * MIB):
            file.seek(place)
            file.write(rng.randbytes(900_000))
    store, key = DirectoryStore(Home(folder / "home").store), load_private_key(folder / "home")
    reference, _, count = operations.add_image(store, key, disk, Facts(NAME), Options(chunk_size=1 << 16))
    image = operations.load(store, reference, load_public_key(folder / "home"))
    return Site(folder / "home", disk.read_bytes(), image, count.chunks)


@pytest.fixture
def loop(tmp_path: Path) -> Loop:
    """Makes loop devices: used disks that would start."""

    @contextmanager
    def make() -> Iterator[Path]:
        path = tmp_path / "backing"
        content = bytearray(random.Random(2).randbytes(SIZE))
        content[510:512] = b"\x55\xaa"
        path.write_bytes(content)
        name = run("losetup", "--find", "--show", path).strip()
        try:
            yield Path(name)
        finally:
            run("losetup", "--detach", name)

    return make

"""There and back: an image becomes a larger disk of its own, its system runs, and is captured again.

One machine, three boots, and a clock that says 1970 at each of them. Each test looks at one of the promises.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from initramfs.imaging.capture.regions import scope_of
from initramfs.imaging.device.device import Device
from initramfs.imaging.filesystem.probe import probe, why_dirty
from initramfs.imaging.filesystem.size import fs_size
from initramfs.messages import Firmware
from provisioner.base.home import Home
from provisioner.images import operations
from provisioner.security.keys import load_public_key
from provisioner.stores.directory.store import DirectoryStore
from tests.images import golden
from tests.images.disk import SECTOR
from tests.images.filesystems import MIB
from tests.lab.command import run
from tests.lab.journey import Journey, follow
from tests.lab.lab import DISK_SIZE
from tests.lab.waiting import Deadline, until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from initramfs.imaging.format.manifest import Manifest
    from initramfs.imaging.label.model import Reader
    from initramfs.imaging.spans import Span
    from tests.images.golden import Golden
    from tests.lab.lab import Lab

pytestmark = [pytest.mark.e2e, pytest.mark.root, pytest.mark.timeout(900)]

EMPTY_BATTERY = "1970-01-01"
SWAP, ROOT = 1, 2
LEAST = 128 * MIB
"""Bytes that a Debian has at least."""
GROWN = """\
action = "initinstall"

[images]
disk = "sda_Single"

[fit]
grow = "last"

[identity]
uuids = "new"

[personalise]
root = 2
"""
KEEP = """\
action = "backup"
description = "after its first start"
then = "poweroff"

[images]
disk = "sda_Rover"
"""


@dataclass(frozen=True, slots=True)
class Trip:
    """A golden disk, the machine that was made of it, and the jobs that restored and captured it."""

    golden: Golden
    journey: Journey
    restored: dict[str, Any]
    captured: dict[str, Any]

    @property
    def disk(self) -> Path:
        """The machine's; it is off."""
        return self.journey.machine.disks[0]


@pytest.fixture(scope="module")
def trip(lab: Lab) -> Trip:
    """Restored, started, restarted by its keyboard, captured, switched off."""
    made = golden.single(lab.folder / "single.img")
    lab.appliance.capture(made)
    lab.appliance.add_profile("grown", GROWN)
    lab.appliance.add_profile("keep", KEEP)
    with lab.bare_machine("rover", Firmware.BIOS, 0x20, clock=EMPTY_BATTERY) as machine:
        lab.order(machine, "grown")
        journey = Journey(machine)
        machine.power_on()
        for _ in follow(journey, lab.appliance, Deadline.within(400)):
            pass
        restored = _last_job(lab, machine.name)
        lab.appliance.assign(machine.name, "keep")
        machine.ctrl_alt_del()
        until(lambda: not machine.running or _failed(lab, machine.name), Deadline.within(240), "the capture")
    return Trip(made, journey, restored, _last_job(lab, machine.name))


def test_a_clock_that_says_1970_is_no_obstacle(trip: Trip) -> None:
    """Signatures, tokens, receipts and checks of file systems; the system starts and phones home."""
    assert trip.restored["error"] == trip.captured["error"] == ""
    assert trip.journey.ok
    assert trip.captured["state"] == "succeeded"
    assert "1970" in run("dumpe2fs", "-h", f"{trip.disk}?offset={_partition(trip.disk, ROOT)[0]}")


def test_its_jobs_are_told_in_the_appliances_time(trip: Trip) -> None:
    """People compare them with what else happened."""
    for job in (trip.restored, trip.captured):
        times = [step[key] for step in job["steps"] for key in ("started", "ended")]
        assert times == sorted(times)
        assert job["started"] <= times[0] <= times[-1] <= job["ended"]


def test_all_its_identifiers_are_its_own(trip: Trip) -> None:
    """Disk, swap and root; fstab and GRUB name the new ones and none of the old."""
    old, new = _identifiers(trip.golden.path), _identifiers(trip.disk)
    assert not set(old) & set(new)
    signature, swap, root = new
    fstab, menu = _text(trip.disk, "/etc/fstab"), _text(trip.disk, "/boot/grub/grub.cfg")
    assert signature
    assert f"UUID={root} / " in fstab
    assert f"UUID={swap} none swap" in fstab
    assert menu.count(root) == 2
    assert not any(word in fstab + menu for word in old)


def test_its_root_fills_the_larger_disk(trip: Trip) -> None:
    """Partition and file system, and it was put away in order."""
    start, size = _partition(trip.disk, ROOT)
    assert start + size == DISK_SIZE * MIB
    read = _reader(trip.disk, start)
    assert fs_size("ext4", read, size) == size
    assert why_dirty("ext4", read) == ""


def test_the_capture_gives_the_disk_again(trip: Trip, lab: Lab, tmp_path: Path) -> None:
    """The image appears with its origin, all of the store is whole, and what is allocated comes back."""
    image = _image(lab, "sda_Rover")
    assert (image.header.generation, image.header.description) == (1, "after its first start")
    assert image.header.origin.startswith("rover:")
    assert trip.captured["receipt"]["images"] == [_reference(lab, "sda_Rover")]
    lab.appliance.command("image", "verify")
    target = tmp_path / "again.img"
    lab.appliance.command("image", "restore", "sda_Rover", target, "--yes")
    assert target.stat().st_size == trip.disk.stat().st_size
    assert _differences(trip.disk, target) == []


def _last_job(lab: Lab, host: str) -> dict[str, Any]:
    job: dict[str, Any] = lab.appliance.get(f"hosts/{host}")["job"]
    return job


def _failed(lab: Lab, host: str) -> bool:
    return bool(_last_job(lab, host)["state"] == "failed")


def _partition(disk: Path, number: int) -> tuple[int, int]:
    """Start and size in bytes."""
    line = json.loads(run("sfdisk", "--json", disk))["partitiontable"]["partitions"][number - 1]
    return line["start"] * SECTOR, line["size"] * SECTOR


def _identifiers(disk: Path) -> tuple[str, str, str]:
    """The disk's signature, the swap's UUID and the root's."""
    signature = json.loads(run("sfdisk", "--json", disk))["partitiontable"]["id"]
    return signature, probe(disk, *_partition(disk, SWAP)).uuid, probe(disk, *_partition(disk, ROOT)).uuid


def _text(disk: Path, path: str) -> str:
    """A file of the root; nothing is mounted."""
    return run("debugfs", "-R", f"cat {path}", f"{disk}?offset={_partition(disk, ROOT)[0]}")


def _reader(disk: Path, start: int) -> Reader:
    def read(offset: int, length: int) -> bytes:
        with disk.open("rb") as file:
            file.seek(start + offset)
            return file.read(length)

    return read


def _image(lab: Lab, name: str) -> Manifest:
    store = DirectoryStore(Home(lab.appliance.home).store)
    return operations.load(store, store.resolve(name), load_public_key(lab.appliance.home))


def _reference(lab: Lab, name: str) -> dict[str, Any]:
    """As receipts name an image."""
    shown: dict[str, Any] = lab.appliance.command_json("image", "show", name)
    return {key: shown[key] for key in ("name", "generation", "digest")}


def _differences(disk: Path, other: Path) -> list[int]:
    """Where ``other`` differs from what ``disk`` has allocated."""
    with Device.open(disk) as device:
        spans = [span for region in scope_of(device).regions for span in region.used]
    assert sum(end - start for start, end in spans) > LEAST
    return list(_differing(spans, _reader(disk, 0), _reader(other, 0)))


def _differing(spans: list[Span], one: Reader, other: Reader) -> Iterator[int]:
    for start, end in spans:
        for offset in range(start, end, MIB):
            length = min(MIB, end - offset)
            if one(offset, length) != other(offset, length):
                yield offset

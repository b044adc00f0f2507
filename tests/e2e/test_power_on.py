"""The whole path, on both kinds of firmware: a bare machine becomes what the golden disk is.

The same laboratory as ``make demo``. Both machines run at the same time, once; each test looks at one of the
promises.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from initramfs.messages import Firmware
from tests.images.disk import SECTOR
from tests.images.filesystems import MIB
from tests.lab.command import run
from tests.lab.journey import STATIONS, Journey, follow
from tests.lab.lab import profile_name
from tests.lab.waiting import Deadline

if TYPE_CHECKING:
    from pathlib import Path

    from tests.lab.lab import Lab

pytestmark = [pytest.mark.e2e, pytest.mark.root, pytest.mark.timeout(1200)]

UNTOUCHED = {Firmware.BIOS: (1, 2, 7, 8), Firmware.UEFI: (1,)}
"""Partitions that nothing writes to after the restore: boot, service Linux, FAT, NTFS; ESP."""
LOADER = {Firmware.BIOS: MIB, Firmware.UEFI: 0}
"""Bytes before the partitions that must be the same: GRUB. A GPT's head also tells the size of its disk."""


@pytest.fixture(scope="module")
def arrived(lab: Lab) -> dict[Firmware, Journey]:
    """A machine of each firmware, powered on and followed to its own system."""
    journeys = {firmware: _ordered(lab, firmware, number) for number, firmware in enumerate(Firmware, 1)}
    for journey in journeys.values():
        journey.machine.power_on()
    for journey in journeys.values():
        for _ in follow(journey, lab.appliance, Deadline.within(600)):
            pass
    for journey in journeys.values():
        journey.machine.power_cut()
    return journeys


@pytest.fixture(params=Firmware)
def journey(request: pytest.FixtureRequest, arrived: dict[Firmware, Journey]) -> Journey:
    """One of the machines."""
    return arrived[request.param]


def test_it_shows_its_own_name_and_phones_home(journey: Journey) -> None:
    """On the serial line, ``<host's name> login:``; to the appliance, the same name."""
    assert journey.hostname_seen == journey.machine.name
    assert journey.phoned_home_as == journey.machine.name


def test_every_chunk_was_read_back(journey: Journey) -> None:
    """The receipt says so, and the job has succeeded."""
    total, verified = journey.chunks
    assert total == verified > 0
    assert journey.ok


def test_the_stations_come_in_order(journey: Journey) -> None:
    """Offer, loader, agent, written, verified, login; all of them seen."""
    assert list(journey.report()["events"]) == list(STATIONS)
    times = [journey.events[station] for station in STATIONS]
    assert times == sorted(times)


def test_the_disk_is_the_golden_one(journey: Journey, lab: Lab) -> None:
    """The same partitions; byte by byte where nothing writes: loader, boot partitions, FAT, NTFS."""
    firmware, disk = journey.machine.firmware, journey.machine.disks[0]
    golden = lab.offer(firmware).path
    table = _table(golden)
    assert _table(disk) == table
    areas = [(table[number]["start"], table[number]["size"]) for number in UNTOUCHED[firmware]]
    for start, size in [(0, LOADER[firmware] // SECTOR), *areas]:
        assert _same(golden, disk, start * SECTOR, size * SECTOR), f"{size} sectors from {start} on differ"


def test_the_profile_is_used_up(journey: Journey, lab: Lab) -> None:
    """At the next power-on the machine starts from its own disk."""
    assert lab.appliance.get(f"hosts/{journey.machine.name}")["next_boot"] == "local"


def _ordered(lab: Lab, firmware: Firmware, number: int) -> Journey:
    lab.offer(firmware)
    machine = lab.bare_machine(f"{firmware}-pc", firmware, number)
    lab.order(machine, profile_name(firmware))
    return Journey(machine)


def _table(disk: Path) -> dict[int, dict[str, Any]]:
    """The partitions by number: start and size in sectors, type, name, UUID, as sfdisk sees them."""
    lines = json.loads(run("sfdisk", "--json", disk))["partitiontable"]["partitions"]
    return {int(line.pop("node").removeprefix(str(disk))): line for line in lines}


def _same(one: Path, other: Path, start: int, size: int) -> bool:
    with one.open("rb") as first, other.open("rb") as second:
        first.seek(start)
        second.seek(start)
        lengths = (min(MIB, size - done) for done in range(0, size, MIB))
        return all(first.read(length) == second.read(length) for length in lengths)

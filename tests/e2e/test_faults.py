"""What goes wrong goes wrong safely: nothing is written that is not right, and everybody is told why.

Small BIOS machines and a small image; the LAN and the appliance are those of the other end-to-end tests.
"""

from __future__ import annotations

import html
from typing import TYPE_CHECKING, Any

import pytest

from initramfs.messages import Firmware
from tests.images import golden
from tests.images.filesystems import MIB
from tests.images.in_memory import reason_on
from tests.lab.command import run
from tests.lab.machines.machine import Machine, State
from tests.lab.network import Place
from tests.lab.waiting import Deadline, until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.lab.lab import Lab

pytestmark = [pytest.mark.e2e, pytest.mark.root, pytest.mark.timeout(600)]

PROFILE = """\
action = "initinstall"
then = "poweroff"

[images]
disk = "sda_Tiny"

[boot]
loader = "ignore"
"""
IMAGED = "Power down"
NOT_IMAGED = r"(?s)This machine was not imaged.*?error: ([^\n]+)"


@pytest.fixture(scope="module")
def chunks(lab: Lab) -> list[Path]:
    """The small image, captured, and a profile that installs it; its chunks in the store."""
    before = set(_store(lab))
    lab.appliance.capture(golden.tiny(lab.folder / "tiny.img"))
    lab.appliance.add_profile("tiny", PROFILE)
    return sorted(set(_store(lab)) - before, key=lambda path: path.stat().st_size)


def test_an_unknown_machine_is_observed_and_not_booted(lab: Lab) -> None:
    """It gets an address from the site and nothing from us, and goes on to its own disk."""
    machine = lab.bare_machine("stranger", Firmware.BIOS, 0x10, size=32)
    with machine:
        machine.power_on()
        machine.expect("No bootable device", 120)
    assert machine.mac in {seen["mac"] for seen in lab.appliance.get("observed")}
    kinds = {event["kind"] for event in lab.appliance.get(f"events?mac={machine.mac}")}
    assert not kinds & {"offer", "binl", "tftp-start", "script", "blob"}


@pytest.mark.usefixtures("chunks")
def test_two_matching_disks_stop_it_before_the_first_write(lab: Lab) -> None:
    """The reason is on the console and in the job; both disks are as they were."""
    machine = lab.bare_machine("two-disks", Firmware.BIOS, 0x11, disks=2, size=64)
    with machine:
        job = _fail(lab, machine)
    assert "2 disks match" in job["error"]
    assert "min_size" in job["hint"]
    assert all(_is_zero(disk, 64 * MIB) for disk in machine.disks)


def test_a_corrupt_chunk_is_never_written(lab: Lab, chunks: list[Path]) -> None:
    """The job fails with the chunk's name; the disk cannot start, and says the same if it was opened."""
    victim = chunks[-1]
    healthy = victim.read_bytes()
    machine = lab.bare_machine("corrupt", Firmware.BIOS, 0x12, size=64)
    try:
        victim.write_bytes(healthy[:-1] + bytes([healthy[-1] ^ 1]))
        with machine:
            job = _fail(lab, machine)
    finally:
        victim.write_bytes(healthy)
    assert victim.name in job["error"]
    with machine.disks[0].open("rb") as disk:
        head = disk.read(MIB)
    assert head == bytes(MIB) or victim.name in reason_on(head)


@pytest.mark.usefixtures("chunks", "slow")
def test_the_agent_outlives_an_appliance_that_is_killed(lab: Lab) -> None:
    """``kill -9`` in the middle of a restore: the agent waits, goes on, and finishes the same attempt."""
    machine = lab.bare_machine("patient", Firmware.BIOS, 0x13, size=64)
    with machine:
        lab.order(machine, "tiny")
        machine.power_on()
        machine.reach(State.AGENT, 180)
        until(lambda: _written(lab, machine) > 0, Deadline.within(60), "the first bytes written")
        lab.appliance.crash()
        machine.expect("does not answer", 60)
        lab.appliance.start()
        machine.expect(IMAGED, 120)
    job = _job(lab, machine)
    assert job["state"] == "succeeded"
    assert job["attempts"] == 1
    assert job["receipt"]["chunks_verified"] == job["receipt"]["chunks_total"] > 0


def _store(lab: Lab) -> Iterator[Path]:
    return (path for path in (lab.appliance.home / "store" / "chunks").glob("*/*") if path.is_file())


def _job(lab: Lab, machine: Machine) -> dict[str, Any]:
    """The machine's job, as ``clonesys job show --json`` tells it."""
    number = lab.appliance.get(f"hosts/{machine.name}")["job"]["id"]
    job: dict[str, Any] = lab.appliance.command_json("job", "show", str(number))["job"]
    return job


def _written(lab: Lab, machine: Machine) -> int:
    steps = lab.appliance.get(f"hosts/{machine.name}")["job"]["steps"]
    return sum(step["done"] for step in steps if step["name"] == "write")


def _fail(lab: Lab, machine: Machine) -> dict[str, Any]:
    """Order the small image; the job, after its reason was on the console, in the job and on its page."""
    lab.order(machine, "tiny")
    machine.power_on()
    reason = machine.expect(NOT_IMAGED, 240).match[1][:60]
    job = _job(lab, machine)
    assert job["state"] == "failed"
    assert reason in job["error"]
    assert reason in html.unescape(lab.appliance.page(f"jobs/{job['id']}"))
    return job


def _is_zero(disk: Path, size: int) -> bool:
    with disk.open("rb") as file:
        return not any(file.read(size))


@pytest.fixture
def slow(lab: Lab) -> Iterator[None]:
    """A slow link to the appliance, so that there is a middle of a restore."""
    qdisc = ("tc", "-n", lab.lan.namespace(Place.APPLIANCE), "qdisc")
    shape = ("tbf", "rate", "20mbit", "burst", "32k", "latency", "200ms")
    run(*qdisc, "add", "dev", "eth0", "root", *shape)
    yield
    run(*qdisc, "del", "dev", "eth0", "root")

"""Beside a DHCP server that speaks of booting too, as those of sites that come from FOG or WDS.

Real firmware, four machines at once, each of which the site's server tells something else. They are followed
to our script, which hands back to the firmware; or to what the timeline says where no proxy can help.
"""

from __future__ import annotations

import shutil
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import pytest

from initramfs.messages import Firmware
from tests.clients.serving import Netboot
from tests.lab.machines import hardware
from tests.lab.machines.machine import Machine
from tests.lab.network import DHCP_ADDRESS, Lan, Place
from tests.lab.waiting import Deadline, until

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.e2e, pytest.mark.root, pytest.mark.timeout(300)]

SCRIPT = "script {mac} "
PASSED_BY = f"unheeded {{mac}} - took its address from {DHCP_ADDRESS} and no file from us"
FILE, CLASS = "file", "class"
"""What the site's server gives: a file name and server, option 60."""


@dataclass(frozen=True)
class Case:
    """A machine, what the site's server tells it, and the event that ends the case."""

    firmware: Firmware
    site: tuple[str, ...]
    event: str


CASES = {
    1: Case(Firmware.BIOS, (FILE,), SCRIPT),
    2: Case(Firmware.BIOS, (FILE, CLASS), SCRIPT),
    3: Case(Firmware.UEFI, (FILE,), SCRIPT),
    4: Case(Firmware.UEFI, (CLASS,), PASSED_BY),
}


def test_machines_boot_or_their_timeline_says_why_not(tmp_path: Path) -> None:
    """iPXE and edk2 take our script although a file is named; option 60 beats edk2's proxies, and is told."""  # noqa: D403 - its name
    with ExitStack() as stack:
        lan = stack.enter_context(Lan(tmp_path, _site()))
        prefix = lan.inside(Place.APPLIANCE)
        netboot = stack.enter_context(Netboot(tmp_path / "netboot.log", "--interface=eth0", prefix=prefix))
        for number, case in CASES.items():
            machine = stack.enter_context(_machine(number, case, tmp_path, lan))
            machine.power_on()
        deadline = Deadline.within(200)
        for number, case in CASES.items():
            sign = case.event.format(mac=_mac(number))
            until(partial(_has_said, netboot, sign), deadline, f"{sign!r} in {netboot.log}")
        said = netboot.said()
    assert "pxelinux" not in said
    given = (tmp_path / "foreign-dhcp.log").read_text("utf-8")
    assert "bootfile-name  pxelinux.0" in given, "the site's server was to name a file"
    passed_by = {number for number in CASES if f"unheeded {_mac(number)}" in said}
    assert passed_by == {number for number, case in CASES.items() if case.event == PASSED_BY}


def _has_said(netboot: Netboot, sign: str) -> bool:
    return sign in netboot.said()


def _machine(number: int, case: Case, folder: Path, lan: Lan) -> Machine:
    own = folder / f"machine{number}"
    own.mkdir()
    # As from the factory, without a disk: it tries the network at once.
    shutil.copy(hardware.OVMF_VARIABLES, own / "OVMF_VARS.fd")
    return Machine(f"pc{number}", case.firmware, (), own, lan=lan, number=number, memory=256)


def _mac(number: int) -> str:
    return f"52:54:00:c1:05:{number:02x}"


def _site() -> tuple[str, ...]:
    hosts = (
        f"--dhcp-host={_mac(number)},{','.join(f'set:{tag}' for tag in case.site)}"
        for number, case in CASES.items()
    )
    return (
        *hosts,
        f"--dhcp-boot=tag:{FILE},pxelinux.0,site,{DHCP_ADDRESS}",
        f"--dhcp-option-force=tag:{CLASS},60,PXEClient",
    )

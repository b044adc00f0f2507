"""The golden disks are real: each starts by itself, without network, to its login prompt."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from initramfs.messages import Firmware
from tests.lab.machines.machine import Machine, State

if TYPE_CHECKING:
    from pathlib import Path

    from tests.lab.lab import Lab

CURSOR_DOWN = "\x1b[B"

pytestmark = [pytest.mark.e2e, pytest.mark.root, pytest.mark.timeout(600)]


@pytest.mark.parametrize("firmware", Firmware)
def test_a_golden_disk_starts_its_debian(firmware: Firmware, lab: Lab, tmp_path: Path) -> None:
    """Firmware → GRUB → Debian → ``golden login:``."""
    disk = tmp_path / "disk.img"
    shutil.copy(lab.offer(firmware).path, disk)
    with Machine("golden", firmware, (disk,), tmp_path) as machine:
        machine.power_on()
        machine.expect("Starting Debian", 120)
        machine.reach(State.INSTALLED, 180)


def test_its_boot_menu_starts_the_service_linux(lab: Lab, tmp_path: Path) -> None:
    """sda2 of the CloneSys table is a system of its own: our initramfs, started by GRUB."""
    disk = tmp_path / "disk.img"
    shutil.copy(lab.offer(Firmware.BIOS).path, disk)
    with Machine("service", Firmware.BIOS, (disk,), tmp_path) as machine:
        machine.power_on()
        machine.expect("CloneSys service Linux", 60)
        machine.type(f"{CURSOR_DOWN}\r")
        machine.expect("Starting CloneSys service Linux", 60)
        machine.expect("clonesys: no network interface", 180)  # our init, in a machine without a card

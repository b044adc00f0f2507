"""The golden disks are real: each starts by itself, without network, to its login prompt."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from tests.support import golden
from tests.support.hardware import Firmware
from tests.support.machine import Machine, State

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.e2e, pytest.mark.root, pytest.mark.timeout(300)]


@pytest.mark.parametrize("firmware", Firmware)
def test_a_golden_disk_starts_its_debian(firmware: Firmware, boot_files: Path, tmp_path: Path) -> None:
    """Firmware → GRUB → Debian → ``golden login:``."""
    original = golden.of(firmware, boot_files)
    disk = shutil.copy(original.path, tmp_path / "disk.img")
    with Machine("golden", firmware, (disk,), tmp_path) as machine:
        machine.power_on()
        machine.expect("Starting Debian", 120)
        machine.reach(State.INSTALLED, 180)

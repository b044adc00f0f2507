"""A rescue gives a shell: on the machine's console, for as long as it is needed, and nothing is written.

A small BIOS machine; the LAN and the appliance are those of the other end-to-end tests.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from initramfs.messages import Firmware
from tests.images.filesystems import MIB
from tests.lab.machines.machine import State

if TYPE_CHECKING:
    from tests.lab.lab import Lab

pytestmark = [pytest.mark.e2e, pytest.mark.root, pytest.mark.timeout(900)]

SIZE = 64


def test_a_rescue_ends_in_a_shell(lab: Lab) -> None:
    """Enter gives it, and it answers. The job has succeeded by then, and the host is its own again."""
    lab.appliance.add_profile("rescue", 'action = "rescue"\n')
    machine = lab.bare_machine("stuck", Firmware.BIOS, 0x30, size=SIZE)
    with machine:
        lab.order(machine, "rescue")
        machine.power_on()
        machine.reach(State.AGENT, 240)
        machine.expect("Press Enter for a shell", 60)
        machine.type("\n")
        machine.expect("clonesys:~# ", 30)
        machine.type("echo the answer is $((6 * 7))\n")
        machine.expect("the answer is 42", 30)
        host = lab.appliance.get(f"hosts/{machine.name}")
        assert (host["job"]["action"], host["job"]["state"]) == ("rescue", "succeeded")
        assert host["next_boot"] == "local"
        machine.type("poweroff\n")
        machine.expect("Power down", 60)
    assert machine.disks[0].read_bytes() == bytes(SIZE * MIB)

"""The laboratory as a whole: a LAN, an appliance with images of golden disks, and machines to install.

The demo and the end-to-end tests use the same one, so what the demo shows is what is tested.
"""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Self

from tests.images import golden
from tests.images.filesystems import blank
from tests.lab.appliance import Appliance
from tests.lab.machines.machine import Machine
from tests.lab.network import Lan

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from initramfs.messages import Firmware
    from tests.images.golden import Golden

DISK_SIZE = 2048
"""MiB of a bare machine's disk; larger than the golden disks, as new machines' disks are."""


def initinstall(disk: Golden) -> str:
    """The one-shot profile that makes a machine from a golden disk: everything, and then its own name."""
    partitions = "\n".join(f'sda{number} = "{name}"' for number, name in disk.partitions.items())
    return f"""\
action = "initinstall"
description = "the whole disk, as the golden one"
firmware = "{disk.firmware}"

[images]
disk = "{disk.name}"

[images.partitions]
{partitions}

[personalise]
root = {disk.root}
"""


class Lab:
    """Everything in one folder. A context manager: leaving it leaves nothing running."""

    def __init__(self, folder: Path, say: Callable[[str], None] = lambda _line: None) -> None:
        self.folder = folder
        self.say = say
        self.goldens: dict[Firmware, Golden] = {}
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        self.folder.mkdir(parents=True, exist_ok=True)
        with ExitStack() as undo:
            self.lan = undo.enter_context(Lan(self.folder))
            self.appliance = Appliance(self.lan, self.folder, self.say)
            self.appliance.create()
            self.kernel, self.initramfs = self.appliance.build_initramfs()
            undo.enter_context(self.appliance)
            self._stack = undo.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def offer(self, firmware: Firmware) -> Golden:
        """Make the golden disk for ``firmware``, capture its images, and add the profile to install them."""
        if firmware not in self.goldens:
            self.say(f"making the golden disk for {firmware}: partitions, file systems, Debian, GRUB")
            made = golden.make(firmware, self.folder, self.kernel, self.initramfs)
            self.appliance.capture(made)
            self.appliance.add_profile(profile_name(firmware), initinstall(made))
            self.goldens[firmware] = made
        return self.goldens[firmware]

    def bare_machine(
        self,
        name: str,
        firmware: Firmware,
        number: int,
        *,
        disks: int = 1,
        size: int = DISK_SIZE,
        clock: str = "",
    ) -> Machine:
        """A machine with blank disks (MiB), plugged into the LAN, off. The appliance does not know it."""
        folder = self.folder / name
        folder.mkdir(parents=True, exist_ok=True)
        files = tuple(folder / f"disk{index}.img" for index in range(disks))
        for file in files:
            blank(file, size)
        machine = Machine(name, firmware, files, folder, lan=self.lan, number=number, clock=clock)
        return self._stack.enter_context(machine)

    def order(self, machine: Machine, profile: str) -> None:
        """Make the appliance know a machine, and do ``profile`` at its next network boot."""
        self.appliance.add_host(machine.name, machine.mac)
        self.appliance.assign(machine.name, profile)


def profile_name(firmware: Firmware) -> str:
    """The name of the profile that installs the golden disk for ``firmware``."""
    return f"initinstall-{firmware}"

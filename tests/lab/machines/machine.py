"""A bare machine: real firmware, disks, a network card on the lab's LAN, and nobody at the keyboard.

BIOS machines run SeaBIOS with the card's option ROM, which is an iPXE; UEFI machines run OVMF, whose own PXE
client is not. Both boot from the network first, then from their disk.
"""

from __future__ import annotations

import shutil
import socket
import time
from enum import IntEnum
from typing import TYPE_CHECKING, Self

from initramfs.messages import Firmware
from tests.lab.daemon import Daemon
from tests.lab.machines import hardware
from tests.lab.machines.console import Console, listen
from tests.lab.machines.factory import network_first
from tests.lab.machines.qmp import Qmp
from tests.lab.network import Lan, Place
from tests.lab.waiting import Deadline, TooLateError

if TYPE_CHECKING:
    from pathlib import Path

    from tests.lab.machines.console import Seen


class State(IntEnum):
    """How far a machine has got since power-on; each state is known by what is on the console."""

    OFF = 0
    FIRMWARE = 1
    LOADER = 2
    AGENT = 3
    INSTALLED = 4


class Machine:
    """One machine. A context manager: leaving it cuts the power.

    ``name`` is also the host name that it will be given. ``disks`` are raw files and stay as they are when
    the power is cut. ``folder`` takes the serial log and the firmware's variables. Without a LAN it has no
    network card. ``clock`` is what its own says at power-on; the host's time, if it is empty.
    """

    def __init__(
        self,
        name: str,
        firmware: Firmware,
        disks: tuple[Path, ...],
        folder: Path,
        *,
        lan: Lan | None = None,
        number: int = 1,
        memory: int = 1024,
        clock: str = "",
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.name, self.firmware, self.disks, self.folder = name, firmware, disks, folder
        self.lan, self.memory, self.clock = lan, memory, clock
        self.mac = f"52:54:00:c1:05:{number:02x}"
        self.console = Console()
        self.powered_on = 0.0
        self.qmp: Qmp | None = None
        self._tap = lan.tap() if lan else None
        self._qemu: Daemon | None = None
        self._line: socket.socket | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.power_cut()

    def power_on(self) -> None:
        """Press the button. The console starts anew; ``powered_on`` is the time since the epoch."""
        if self.running:
            raise RuntimeError(f"{self.name} is on already")
        line, qemu_line = socket.socketpair()
        control, qemu_control = socket.socketpair()
        inherited = (qemu_line.fileno(), qemu_control.fileno())
        self._qemu = Daemon(self._command(*inherited), self.folder / "qemu.log")
        self.powered_on = time.time()
        with qemu_line, qemu_control:
            self._qemu.start(*inherited)
        self.console = Console()
        self._line = line
        listen(line, self.console)
        self.qmp = Qmp(control)

    def power_cut(self) -> None:
        """Pull the plug."""
        if self._qemu:
            self._qemu.kill()
        if self.qmp:
            self.qmp.close()

    def ctrl_alt_del(self) -> None:
        """What a person presses to restart it; the system puts everything away first."""
        keys = [{"type": "qcode", "data": name} for name in ("ctrl", "alt", "delete")]
        if self.qmp:
            self.qmp.execute("send-key", keys=keys)

    @property
    def running(self) -> bool:
        """Whether it is powered on."""
        return self._qemu is not None and self._qemu.running

    @property
    def state(self) -> State:
        """How far it has got."""
        if not self.running:
            return State.OFF
        reached = [state for state, sign in self._signs().items() if self.console.find(sign)]
        return max(reached, default=State.FIRMWARE)

    def type(self, text: str) -> None:
        """Somebody at the serial line types; cursor keys are the terminal's sequences."""
        if self._line:
            self._line.sendall(text.encode())

    def reach(self, state: State, within: float) -> Seen:
        """Wait, at most ``within`` seconds, for the console's sign of ``state``. Raises TooLateError."""
        return self.expect(self._signs()[state], within)

    def expect(self, pattern: str, within: float) -> Seen:
        """Wait for ``pattern`` on the console since power-on. Raises TooLateError with its last lines."""
        try:
            return self.console.expect(pattern, Deadline.within(within))
        except TooLateError as error:
            raise TooLateError(f"{self.name} ({self.firmware}): {error}") from None

    def _signs(self) -> dict[State, str]:
        return {
            State.FIRMWARE: r"SeaBIOS|BdsDxe",
            State.LOADER: r"iPXE 1\.",
            State.AGENT: r"clonesys agent",
            State.INSTALLED: rf"(?m)^{self.name} login:",
        }

    def _command(self, line: int, control: int) -> tuple[str | Path, ...]:
        words = ["qemu-system-x86_64", *hardware.board(self.name, self.memory)]
        if self.firmware is Firmware.UEFI:
            words += hardware.uefi(self._variables())
        words += hardware.serial_line(line, self.folder / "serial.log")
        words += hardware.control(control)
        words += hardware.clock(self.clock) if self.clock else ()
        for number, disk in enumerate(self.disks):
            words += hardware.disk(disk, f"{self.name}-{number}", number, self.firmware)
        if not self.lan:
            return tuple(words)
        first = self.firmware is Firmware.BIOS
        words += hardware.network_card(self.mac, self.firmware, self._tap, first=first)
        return self.lan.inside(Place.LAN, *words)

    def _variables(self) -> Path:
        variables = self.folder / "OVMF_VARS.fd"
        if not variables.exists():
            shutil.copy(network_first(self.mac) if self.lan else hardware.OVMF_VARIABLES, variables)
        return variables

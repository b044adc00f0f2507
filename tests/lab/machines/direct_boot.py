"""A machine that QEMU starts with our kernel directly: no loader, no LAN, no appliance.

Its network is QEMU's own: a DHCP server and nothing else.
"""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Self

from initramfs.messages import Firmware
from tests.lab.daemon import Daemon
from tests.lab.machines import hardware
from tests.lab.machines.console import Console, listen
from tests.lab.machines.hardware import OVMF_VARIABLES
from tests.lab.machines.qmp import Qmp
from tests.lab.waiting import Deadline, TooLateError, until

if TYPE_CHECKING:
    from pathlib import Path

    from initramfs.builder.build import Built

MAC = "52:54:00:c1:05:99"
MEMORY = 1024
"""MiB; the least that the image promises to boot with."""
DISK = 64 << 20


class Direct:
    """One such machine. A context manager; it is paused until :meth:`power_on`.

    ``words`` are added to the kernel's command line, ``devices`` to QEMU's.
    """

    def __init__(
        self,
        image: Built,
        folder: Path,
        words: str,
        firmware: Firmware = Firmware.BIOS,
        devices: tuple[str, ...] = (),
    ) -> None:
        self.image, self.folder, self.words, self.firmware = image, folder, words, firmware
        self.devices = devices
        self.console = Console()
        self._heard = 0

    def __enter__(self) -> Self:
        line, qemu_line = socket.socketpair()
        control, qemu_control = socket.socketpair()
        inherited = (qemu_line.fileno(), qemu_control.fileno())
        self._qemu = Daemon(self._command(*inherited), self.folder / "qemu.log")
        with qemu_line, qemu_control:
            self._qemu.start(*inherited)
        self._line = line
        listen(line, self.console)
        self.qmp = Qmp(control)
        return self

    def __exit__(self, *_: object) -> None:
        self._qemu.kill()
        self.qmp.close()

    def power_on(self) -> None:
        """Let it run."""
        self.qmp.execute("cont")

    def expect(self, pattern: str, within: float = 120) -> None:
        """Wait for ``pattern`` on the serial console, behind what was expected before: a dialogue."""

        def said() -> bool:
            seen = self.console.find(pattern, self._heard)
            self._heard = seen.match.end() if seen else self._heard
            return bool(seen)

        try:
            until(said, Deadline.within(within), f"/{pattern}/")
        except TooLateError as error:
            last = "\n".join(self.console.text.splitlines()[-20:])
            raise TooLateError(f"{error} on a console that ends with:\n{last}") from None

    def type(self, text: str) -> None:
        """Type on the serial console."""
        self._line.sendall(text.encode())

    def plug(self, *, cable: bool) -> None:
        """Plug the network cable in or out."""
        self.qmp.execute("set_link", name="card", up=cable)

    def _command(self, line: int, control: int) -> tuple[str | Path, ...]:
        disk = self.folder / "disk.img"
        with disk.open("wb") as file:
            file.truncate(DISK)
        words = ["qemu-system-x86_64", *hardware.board("image", MEMORY), "-no-reboot", "-S"]
        if self.firmware is Firmware.UEFI:
            variables = self.folder / "OVMF_VARS.fd"
            variables.write_bytes(OVMF_VARIABLES.read_bytes())
            words += hardware.uefi(variables)
        words += hardware.serial_line(line, self.folder / "serial.log")
        words += hardware.control(control)
        words += hardware.disk(disk, "disk-serial", 0, self.firmware)
        words += self.devices
        words += ["-netdev", "user,id=net,restrict=on", "-device"]
        words += [f"virtio-net-pci,id=card,netdev=net,mac={MAC},romfile="]
        words += ["-kernel", self.image.kernel, "-initrd", self.image.initramfs]
        words += ["-append", f"console=tty0 console=ttyS0,115200 clonesys.mac={MAC} {self.words}"]
        return tuple(words)

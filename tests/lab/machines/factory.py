"""A UEFI machine as it is delivered: somebody has put the network first in its boot order, once.

OVMF takes an order from QEMU too, but then again at every start, and so it would forget the boot entry that
the agent makes; real firmware does not. So the variables are made by starting a machine once with QEMU's
order: the firmware stores it, and later machines start from a copy.
"""

from __future__ import annotations

import shutil
import socket
from pathlib import Path
from tempfile import TemporaryDirectory

from initramfs.messages import Firmware
from tests.lab.cache import cached
from tests.lab.daemon import Daemon
from tests.lab.machines import hardware
from tests.lab.machines.console import Console, listen
from tests.lab.waiting import Deadline


def network_first(mac: str) -> Path:
    """OVMF's variables for the machine with this card (boot entries name it), made once."""
    recipe = (Path(__file__), Path(hardware.__file__), hardware.OVMF_CODE, hardware.OVMF_VARIABLES, mac)
    return cached(f"OVMF_VARS-{mac.replace(':', '')}", recipe, lambda target: _make(target, mac))


def _make(target: Path, mac: str) -> None:
    shutil.copy(hardware.OVMF_VARIABLES, target)
    card = hardware.network_card(mac, Firmware.UEFI, None, first=True)
    line, qemu_line = socket.socketpair()
    console = Console()
    with TemporaryDirectory() as folder, qemu_line:
        log = Path(folder) / "log"
        serial = hardware.serial_line(qemu_line.fileno(), log)
        words = (*hardware.board("factory", 512), *hardware.uefi(target), *serial, *card)
        qemu = Daemon(("qemu-system-x86_64", *words), log)
        qemu.start(qemu_line.fileno())
        qemu_line.close()
        listen(line, console)
        try:
            console.expect("Start PXE over IPv4", Deadline.within(90))  # by now the order is stored
        finally:
            qemu.kill()

"""One part of an appliance as a process: ``python -m provisioner.serve.child PART FD SETTINGS``.

Started by the supervisor only. Says through ``FD`` when it is ready or why it
cannot be, and ends when its standard input does: then the supervisor is gone.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
from collections.abc import Callable

from netboot.errors import NetbootError
from provisioner.errors import ProvisionerError
from provisioner.serve import controller_part, http_part, netboot_part
from provisioner.serve.handshake import Word, say
from provisioner.serve.settings import Settings

Ready = Callable[[dict[str, str]], None]

RUN: dict[str, Callable[[Settings, Ready], None]] = {
    "netboot": netboot_part.run,
    "http": http_part.run,
    "controller": controller_part.run,
}


def main(arguments: list[str]) -> int:
    """Run one part until it is told to stop; its exit status."""
    part, descriptor, settings = arguments
    logging.basicConfig(level=logging.INFO, format=f"%(asctime)s {part} %(levelname)s %(message)s")
    logging.getLogger("alembic").setLevel(logging.WARNING)
    threading.Thread(target=_end_with_supervisor, name="lifeline", daemon=True).start()

    def ready(where: dict[str, str]) -> None:
        say(int(descriptor), Word(where))

    try:
        RUN[part](Settings.from_json(settings), ready)
    except (ProvisionerError, NetbootError) as error:
        say(int(descriptor), Word(error=error.message, hint=error.hint))
        return 1
    return 0


def _end_with_supervisor() -> None:
    while os.read(sys.stdin.fileno(), 1):  # not through sys.stdin: its lock would outlive us at exit
        pass
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

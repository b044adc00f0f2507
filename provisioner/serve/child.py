"""One part of an appliance as a process: ``python -m provisioner.serve.child PART FD SETTINGS``.

Started by the supervisor only. Says through ``FD`` when it is ready or why it
cannot be, and that it lives, and ends when its standard input does: then the supervisor is gone.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
from importlib import import_module

from netboot.errors import NetbootError
from provisioner.base import log_lines
from provisioner.base.errors import ProvisionerError
from provisioner.serve.handshake import Settings, Voice


def main(arguments: list[str]) -> int:
    """Run one part until it is told to stop; its exit status."""
    part, descriptor, settings = arguments
    log_lines.install(f"%(asctime)s {part} %(levelname)s %(message)s")
    logging.getLogger("alembic").setLevel(logging.WARNING)
    threading.Thread(target=_end_with_supervisor, name="lifeline", daemon=True).start()

    voice = Voice(int(descriptor))
    try:
        # Each process loads its own part only: the one that answers DHCP is back in a blink.
        import_module(f"provisioner.serve.{part}_part").run(Settings.from_json(settings), voice)
    except (ProvisionerError, NetbootError) as error:
        voice.failed(error.message, error.hint)
        return 1
    return 0


def _end_with_supervisor() -> None:
    while os.read(sys.stdin.fileno(), 1):  # not through sys.stdin: its lock would outlive us at exit
        pass
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""As much of QEMU's machine protocol (QMP) as the lab needs: commands and their answers.

JSON objects, one per line: a greeting, then per command ``return`` or ``error``, and events in between.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import socket


class QmpError(Exception):
    """QEMU refused a command, or is gone."""


class Qmp:
    """A connection to one QEMU's control socket. Every answer is waited for ten seconds at most."""

    def __init__(self, line: socket.socket) -> None:
        self._socket = line
        self._socket.settimeout(10)
        self._lines = line.makefile("r", encoding="utf-8")
        self._read()
        self.execute("qmp_capabilities")

    def execute(self, command: str, **arguments: Any) -> Any:
        """Run a command and return what it returns. Raises QmpError."""
        message = {"execute": command, "arguments": arguments}
        self._socket.sendall(json.dumps(message).encode() + b"\n")
        while "event" in (answer := self._read()):
            pass
        if "error" in answer:
            raise QmpError(f"{command}: {answer['error']['desc']}")
        return answer["return"]

    def _read(self) -> dict[str, Any]:
        line = self._lines.readline()
        if not line:
            raise QmpError("QEMU has closed its control socket")
        message: dict[str, Any] = json.loads(line)
        return message

    def close(self) -> None:
        """Hang up."""
        self._lines.close()
        self._socket.close()

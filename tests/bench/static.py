"""A plain static server for the peers: the same server program as ours, with nothing of ours in it.

``python -m tests.bench.static FOLDER PORT`` serves FOLDER at ``/files``.
"""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from granian import Granian
from granian.constants import Interfaces
from granian.log import LogLevels

PREFIX = "/files"


async def nothing(
    _scope: dict[str, Any], _receive: Any, send: Callable[[dict[str, Any]], Awaitable[None]]
) -> None:
    """What the server asks for other paths: not there."""
    await send({"type": "http.response.start", "status": 404, "headers": []})
    await send({"type": "http.response.body", "body": b""})


def main(folder: str, port: str) -> None:
    """Serve until SIGTERM."""
    server = Granian(
        "nothing",
        address="127.0.0.1",
        port=int(port),
        interface=Interfaces.ASGI,
        workers=2,
        websockets=False,
        log_level=LogLevels.warning,
        static_path_route=[PREFIX],
        static_path_mount=[Path(folder)],
    )
    server.serve(target_loader=lambda: nothing, wrap_loader=False)


if __name__ == "__main__":
    main(*sys.argv[1:])

"""The process that looks after the HTTP workers: boot files, API, pages, and chunks as static files.

Chunks never pass through Python: granian hands them out itself. Its static mount
sends neither Content-Length nor ranges, which only boot files need.
"""

from __future__ import annotations

import ctypes
import http.client
import os
import signal
import threading
import time
from collections.abc import Callable
from functools import partial
from ipaddress import IPv4Address

from fastapi import FastAPI
from granian import Granian
from granian.constants import Interfaces
from granian.log import LogLevels

from netboot.http.confined import confine
from netboot.interfaces import Scope
from provisioner.serve.application import create_app
from provisioner.serve.handshake import Settings
from provisioner.stores.open import chunk_folder

CHUNKS = "/store/chunks"
A_YEAR = 365 * 24 * 3600
DRAIN_SECONDS = 2
"""How long workers may finish answers when they are told to stop."""
PROBE_SECONDS = 0.05
PR_SET_PDEATHSIG = 1
"""prctl(2), linux/prctl.h."""


def run(settings: Settings, ready: Callable[[dict[str, str]], None]) -> None:
    """Serve until SIGTERM."""
    chunks = chunk_folder(settings.home)
    chunks.mkdir(parents=True, exist_ok=True)  # granian would end without a reason
    server = Granian(
        "clonesys",
        address=str(settings.http_address),
        port=settings.http_port,
        interface=Interfaces.ASGI,
        workers=settings.workers,
        workers_kill_timeout=DRAIN_SECONDS,
        respawn_failed_workers=True,
        respawn_interval=0.1,
        websockets=False,
        log_level=LogLevels.warning,
        static_path_route=[CHUNKS],
        static_path_mount=[chunks],
        static_path_expires=A_YEAR,
    )
    threading.Thread(target=_tell_when_answering, args=(settings, ready), daemon=True).start()
    server.serve(target_loader=partial(_worker, settings, os.getpid()), wrap_loader=False)


def _worker(settings: Settings, parent: int) -> FastAPI:
    """What each worker runs first, and serves then. A worker whose parent was killed would hold the port."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # killed before we asked to be told
        os.kill(os.getpid(), signal.SIGKILL)
    confine(settings.http_port, Scope(settings.interfaces))
    return create_app(settings.home, http_port=settings.http_port)


def _tell_when_answering(settings: Settings, ready: Callable[[dict[str, str]], None]) -> None:
    """Ask for our own health until there is an answer; the supervisor decides how long that may take."""
    address = settings.http_address if int(settings.http_address) else IPv4Address("127.0.0.1")
    while not _answers(str(address), settings.http_port):
        time.sleep(PROBE_SECONDS)
    ready({"http": f"{settings.http_address}:{settings.http_port}"})


def _answers(address: str, port: int) -> bool:
    connection = http.client.HTTPConnection(address, port, timeout=5)
    try:
        connection.request("GET", "/api/v1/health")
        return connection.getresponse().status == http.client.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()

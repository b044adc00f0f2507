"""The process that looks after the HTTP workers: boot files, API, pages, and chunks as static files.

Chunks never pass through Python: granian hands them out itself. Its static mount
sends neither Content-Length nor ranges, which only boot files need.

What keeps it open under attack: granian's time limit for headers and its small buffers for
them; ``guard`` for connections, ``beats`` for workers; the API for bodies.
"""

from __future__ import annotations

import ctypes
import http.client
import os
import signal
import threading
import time
from functools import partial
from ipaddress import IPv4Address

from fastapi import FastAPI
from granian import Granian
from granian.constants import HTTPModes, Interfaces
from granian.http import HTTP1Settings
from granian.log import LogLevels

from netboot.http.confined import confine
from netboot.interfaces import Scope
from netboot.sockets import check_confining
from provisioner.base import log_lines
from provisioner.base.ownership import make_folder
from provisioner.serve.application import create_app
from provisioner.serve.beats import Beats, beat
from provisioner.serve.guard import CONNECTIONS, Guard, make_room_for_descriptors
from provisioner.serve.handshake import SIGN_SECONDS, Settings, Voice
from provisioner.stores.open import chunk_folder

CHUNKS = "/store/chunks"
A_YEAR = 365 * 24 * 3600
DRAIN_SECONDS = 2
"""How long workers may finish answers when they are told to stop."""
PROBE_SECONDS = 0.05
HEADER_SECONDS = 15
"""How long a client may take for the head of a request, and keep a connection without one."""
HEADER_BYTES = 128 << 10
"""What granian buffers of a connection. Answers go through the same buffer."""
LOG = "%(asctime)s http %(levelname)s %(message)s"
PR_SET_PDEATHSIG = 1
"""prctl(2), linux/prctl.h."""


def run(settings: Settings, voice: Voice) -> None:
    """Serve until SIGTERM. Raises NetbootError if it cannot be kept to the named interfaces."""
    if settings.interfaces:
        check_confining(())
    room = make_room_for_descriptors()
    beats = Beats()
    beats.start()
    chunks = chunk_folder(settings.home)
    make_folder(chunks)  # granian would end without a reason
    server = Granian(
        "clonesys",
        address=str(settings.http_address),
        port=settings.http_port,
        interface=Interfaces.ASGI,
        http=HTTPModes.http1,
        http1_settings=HTTP1Settings(header_read_timeout=HEADER_SECONDS * 1000, max_buffer_size=HEADER_BYTES),
        backlog=CONNECTIONS,
        backpressure=room,
        workers=settings.workers,
        workers_kill_timeout=DRAIN_SECONDS,
        respawn_failed_workers=True,
        respawn_interval=0.1,
        websockets=False,
        log_level=LogLevels.warning,
        log_dictconfig=_logging(),
        static_path_route=[CHUNKS],
        static_path_mount=[chunks],
        static_path_expires=A_YEAR,
    )
    threading.Thread(target=_tell_while_answering, args=(settings, voice), daemon=True).start()
    server.serve(target_loader=partial(_worker, settings, os.getpid(), beats.name, room), wrap_loader=False)


def _worker(settings: Settings, parent: int, beats: str, room: int) -> FastAPI:
    """What each worker runs first, and serves then. A worker whose parent was killed would hold the port."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # killed before we asked to be told
        os.kill(os.getpid(), signal.SIGKILL)
    confine(settings.http_port, Scope(settings.interfaces))
    Guard(settings.http_port, room * 3 // 4).start()
    return create_app(settings.home, http_port=settings.http_port, background=partial(beat, beats))


def _logging() -> dict[str, object]:
    """Granian's own lines, and those of its workers, as all of ours."""
    handler = {"class": "logging.StreamHandler", "formatter": "ours"}
    formatter = {"()": log_lines.OneLine, "fmt": LOG}
    logger = {"handlers": ["ours"], "level": "WARNING", "propagate": False}
    return {
        "formatters": {"ours": formatter},
        "handlers": {"ours": handler},
        "loggers": {"_granian": logger},
    }


def _tell_while_answering(settings: Settings, voice: Voice) -> None:
    """Ask for our own health, again and again; the supervisor decides how long it may take to be answered."""
    address = settings.http_address if int(settings.http_address) else IPv4Address("127.0.0.1")
    while not _answers(str(address), settings.http_port):
        time.sleep(PROBE_SECONDS)
    voice.ready({"http": f"{settings.http_address}:{settings.http_port}"})
    while True:
        if _answers(str(address), settings.http_port):
            voice.alive()
        time.sleep(SIGN_SECONDS)


def _answers(address: str, port: int) -> bool:
    connection = http.client.HTTPConnection(address, port, timeout=10)
    try:
        connection.request("GET", "/api/v1/health")
        # An answer that the database is ill is one, and another process would have none better.
        return connection.getresponse().status in {http.client.OK, http.client.SERVICE_UNAVAILABLE}
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()

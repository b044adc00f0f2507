"""The process that answers DHCP, TFTP and DNS. Nothing else runs in it: an offer must never wait."""

from __future__ import annotations

import asyncio
import signal
import sys

from netboot import service
from provisioner.base.config import load_config
from provisioner.boot.booter import ProvisionerBooter
from provisioner.boot.sink import DatabaseSink
from provisioner.boot.snapshot import SnapshotBooter
from provisioner.boot.zone import HostZone
from provisioner.database.engine import open_database
from provisioner.serve.handshake import SIGN_SECONDS, Settings, Voice

SWITCH_SECONDS = 0.0001
"""A thread that writes the timeline may keep the interpreter for this long whenever the answering one
asks the kernel, twice per packet: with Python's 5 ms that were a hundred answers a second."""


def run(settings: Settings, voice: Voice) -> None:
    """Serve until SIGTERM. Raises NetbootError if a port is taken."""
    sys.setswitchinterval(SWITCH_SECONDS)
    asyncio.run(_serve(settings, voice))


async def _serve(settings: Settings, voice: Voice) -> None:
    database = open_database(settings.home)
    sink = DatabaseSink(database)
    booter = SnapshotBooter(ProvisionerBooter(settings.home, database))
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    pulse = asyncio.create_task(_pulse(voice))
    try:
        with HostZone(database, load_config(settings.home).dns.domain) as zone:
            await service.serve(
                _network(settings),
                booter,
                zone,
                sink,
                ready=lambda ports: voice.ready(_where(ports)),
                stop=stop,
            )
    finally:
        pulse.cancel()
        booter.close()
        sink.close()
        database.close()


async def _pulse(voice: Voice) -> None:
    """Signs of life from the loop that answers: when it is stuck, they end."""
    while True:
        await asyncio.sleep(SIGN_SECONDS)
        voice.alive()


def _network(settings: Settings) -> service.Settings:
    return service.Settings(
        listen=settings.listen,
        interfaces=settings.interfaces,
        http_port=settings.http_port,
        dhcp_port=settings.dhcp_port,
        binl_port=settings.binl_port,
        tftp_port=settings.tftp_port,
        dns_port=settings.dns_port,
        tftp_block_size=load_config(settings.home).tftp.block_size,
    )


def _where(ports: service.Ports) -> dict[str, str]:
    found = {"dhcp": str(ports.dhcp), "binl": str(ports.binl), "tftp": str(ports.tftp)}
    return found if ports.dns is None else found | {"dns": str(ports.dns)}

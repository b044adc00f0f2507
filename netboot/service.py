"""All network services as one: bind everything, say so, then serve until told to stop.

HTTP is not among them: the caller runs its own HTTP workers, and says in
``Settings.http_port`` where they are.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from netboot.dhcp.proxy.follow_up import FollowUp
from netboot.dhcp.proxy.form import FormMemory
from netboot.dhcp.server import DhcpServer
from netboot.dns.server import DnsServer
from netboot.events import Event, Kind
from netboot.interfaces import ANY, Scope
from netboot.listening import Listening, Port
from netboot.memory import AddressOwners
from netboot.tftp.server import TftpServer

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from ipaddress import IPv4Address

    from netboot.booter import Booter
    from netboot.dns.zone import Zone
    from netboot.events import Sink
    from netboot.model import Client

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Settings:
    """Where to serve. A port of 0 lets the kernel choose one.

    Attributes:
        listen: the only address of ours to serve at; 0.0.0.0 for all.
        interfaces: the only network interfaces to serve; empty for all.
        http_port: where our HTTP is, as told to clients.
        dhcp_port: clients are answered at the next higher port (67 → 68).
        binl_port: the second port of PXE; firmware knows it as 4011 only.
        dns_port: None for no DNS.
        tftp_block_size: largest TFTP block in bytes; less than the MTU leaves, where a path carries less.
    """

    listen: IPv4Address = ANY
    interfaces: tuple[str, ...] = ()
    http_port: int = 80
    dhcp_port: int = 67
    binl_port: int = 4011
    tftp_port: int = 69
    dns_port: int | None = 53
    tftp_block_size: int = 65464


@dataclass(frozen=True, slots=True)
class Ports:
    """Where the services really are."""

    dhcp: int
    binl: int
    tftp: int
    dns: int | None


async def serve(
    settings: Settings,
    booter: Booter,
    zone: Zone | None,
    sink: Sink,
    *,
    ready: Callable[[Ports], None],
    stop: asyncio.Event,
) -> None:
    """Serve DHCP and TFTP, and DNS if there is a ``zone`` and a port for it, until ``stop`` is set.

    ``ready`` is called once, when everything that can be served is. Raises NetbootError if what was asked
    for cannot be (then no socket stays open), and whatever a bug raises: a service that is half dead
    would be worse than one that is restarted.
    """
    bound = _Bound.of(settings, with_dns=zone is not None)
    listening = Listening(Scope(settings.interfaces, settings.listen), bound.all(), _teller(sink))
    listening.start()
    try:
        runs = [*_services(settings, bound, booter, zone, sink), listening.follow()]
        ready(bound.numbers())
        async with asyncio.TaskGroup() as tasks:
            running = [tasks.create_task(run) for run in runs]
            await stop.wait()
            for task in running:
                task.cancel()
    finally:
        listening.close()


def _teller(sink: Sink) -> Callable[[str], None]:
    """What is not served belongs in the log and in the timeline."""

    def say(text: str) -> None:
        log.warning("%s", text)
        sink.emit(Event(time.time(), Kind.LISTENING, None, None, text))

    return say


@dataclass(frozen=True, slots=True)
class _Bound:
    dhcp: Port
    binl: Port
    tftp: Port
    dns: tuple[Port, Port] | None

    @classmethod
    def of(cls, settings: Settings, *, with_dns: bool) -> _Bound:
        dns = None
        if settings.dns_port is not None and with_dns:
            udp = Port("DNS", settings.dns_port)
            dns = udp, Port("DNS over TCP", settings.dns_port, socket.SOCK_STREAM, like=udp)
        return cls(
            dhcp=Port("DHCP", settings.dhcp_port, broadcasts=True),
            binl=Port("PXE", settings.binl_port, broadcasts=True),
            tftp=Port("TFTP", settings.tftp_port),
            dns=dns,
        )

    def all(self) -> tuple[Port, ...]:
        return (self.dhcp, self.binl, self.tftp, *(self.dns or ()))

    def numbers(self) -> Ports:
        dns = self.dns[0].number if self.dns else None
        return Ports(self.dhcp.number, self.binl.number, self.tftp.number, dns)


def _services(
    settings: Settings, bound: _Bound, booter: Booter, zone: Zone | None, sink: Sink
) -> list[Coroutine[None, None, None]]:
    reporter = _Reporter(sink, AddressOwners(), FormMemory(), FollowUp())
    dhcp = DhcpServer(
        dhcp=bound.dhcp,
        binl=bound.binl,
        listen=settings.listen if int(settings.listen) else None,
        decide=booter.decide,
        http_port=settings.http_port,
        tell=reporter.dhcp,
        discovered=reporter.discovered,
        learn=reporter.owners.learn,
        forms=reporter.forms,
        follow_up=reporter.follow_up,
    )
    tftp = TftpServer(
        bound.tftp,
        booter,
        settings.http_port,
        reporter.tftp,
        known=lambda address: reporter.owners.mac_of(address) is not None,
        block=settings.tftp_block_size,
    )
    services = [dhcp.run(), tftp.run()]
    if zone is not None and bound.dns is not None:
        services.append(DnsServer(*bound.dns, zone).run())
    return services


@dataclass(frozen=True, slots=True)
class _Reporter:
    """Makes events of what the protocols say, and tells DHCP when a file request shows progress."""

    sink: Sink
    owners: AddressOwners
    forms: FormMemory
    follow_up: FollowUp

    def dhcp(self, kind: Kind, mac: str, detail: str) -> None:
        self.sink.emit(Event(time.time(), kind, mac or None, None, detail))

    def discovered(self, client: Client) -> None:
        self.sink.emit(
            Event(
                time.time(),
                Kind.DISCOVER,
                client.mac,
                None,
                f"{client.architecture} {client.program.value}",
                client.architecture.value,
                str(client.uuid or ""),
            )
        )

    def tftp(self, kind: Kind, address: str, detail: str) -> None:
        mac = self.owners.mac_of(address)
        if mac is not None and kind is not Kind.IGNORED:
            self.forms.progress(mac)
            self.follow_up.progressed(mac)
        self.sink.emit(Event(time.time(), kind, mac, address or None, detail))

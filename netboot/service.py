"""All network services as one: bind everything, say so, then serve until told to stop.

HTTP is not among them: the caller runs its own HTTP workers, and says in
``Settings.http_port`` where they are.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import ExitStack
from dataclasses import dataclass
from ipaddress import IPv4Address
from typing import TYPE_CHECKING

from netboot import sockets
from netboot.dhcp.proxy.form import FormMemory
from netboot.dhcp.server import DhcpServer
from netboot.dns.server import DnsServer
from netboot.events import Event, Kind
from netboot.memory import AddressOwners
from netboot.tftp.server import TftpServer

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Coroutine

    from netboot.booter import Booter
    from netboot.dns.zone import Zone
    from netboot.events import Sink


@dataclass(frozen=True, slots=True)
class Settings:
    """Where to serve. A port of 0 lets the kernel choose one.

    Attributes:
        listen: the only address of ours to serve at; 0.0.0.0 for all.
        interface: the only network interface to serve, if given.
        http_port: where our HTTP is, as told to clients.
        dhcp_port: clients are answered at the next higher port (67 → 68).
        binl_port: the second port of PXE; firmware knows it as 4011 only.
        dns_port: None for no DNS.
    """

    listen: IPv4Address = sockets.ANY
    interface: str | None = None
    http_port: int = 80
    dhcp_port: int = 67
    binl_port: int = 4011
    tftp_port: int = 69
    dns_port: int | None = 53


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

    ``ready`` is called once, when every socket is bound. Raises NetbootError if one cannot
    be (then none stays open), and whatever a bug raises: a service that is half dead would
    be worse than one that is restarted.
    """
    with ExitStack() as stack:
        bound = _bind(settings, stack, with_dns=zone is not None)
        runs = _services(settings, bound, booter, zone, sink)
        ready(bound.ports())
        async with asyncio.TaskGroup() as tasks:
            running = [tasks.create_task(run) for run in runs]
            await stop.wait()
            for task in running:
                task.cancel()


@dataclass(frozen=True, slots=True)
class _Bound:
    dhcp: socket.socket
    binl: socket.socket
    tftp: socket.socket
    dns: tuple[socket.socket, socket.socket] | None

    def ports(self) -> Ports:
        dns = sockets.port_of(self.dns[0]) if self.dns else None
        port_of = sockets.port_of
        return Ports(port_of(self.dhcp), port_of(self.binl), port_of(self.tftp), dns)


def _bind(settings: Settings, stack: ExitStack, *, with_dns: bool) -> _Bound:
    def udp(address: IPv4Address, port: int) -> socket.socket:
        return stack.enter_context(sockets.open_udp(address, port, settings.interface))

    # A socket bound to an address gets no broadcasts: DHCP filters by itself.
    dhcp = udp(sockets.ANY, settings.dhcp_port)
    binl = udp(settings.listen, settings.binl_port)
    tftp = udp(settings.listen, settings.tftp_port)
    if settings.dns_port is None or not with_dns:
        return _Bound(dhcp, binl, tftp, None)
    dns = udp(settings.listen, settings.dns_port)
    tcp = sockets.open_tcp(settings.listen, sockets.port_of(dns), settings.interface)
    return _Bound(dhcp, binl, tftp, (dns, stack.enter_context(tcp)))


def _services(
    settings: Settings, bound: _Bound, booter: Booter, zone: Zone | None, sink: Sink
) -> list[Coroutine[None, None, None]]:
    reporter = _Reporter(sink, AddressOwners(), FormMemory())
    dhcp = DhcpServer(
        dhcp=bound.dhcp,
        binl=bound.binl,
        listen=settings.listen if int(settings.listen) else None,
        decide=booter.decide,
        http_port=settings.http_port,
        tell=reporter.dhcp,
        learn=reporter.owners.learn,
        forms=reporter.forms,
    )
    services = [dhcp.run(), TftpServer(bound.tftp, booter, settings.http_port, reporter.tftp).run()]
    if zone is not None and bound.dns is not None:
        services.append(DnsServer(*bound.dns, zone).run())
    return services


@dataclass(frozen=True, slots=True)
class _Reporter:
    """Makes events of what the protocols say, and tells DHCP when a file request shows progress."""

    sink: Sink
    owners: AddressOwners
    forms: FormMemory

    def dhcp(self, kind: Kind, mac: str, detail: str) -> None:
        self.sink.emit(Event(time.time(), kind, mac, None, detail))

    def tftp(self, kind: Kind, address: str, detail: str) -> None:
        mac = self.owners.mac_of(address)
        if mac is not None:
            self.forms.progress(mac)
        self.sink.emit(Event(time.time(), kind, mac, address, detail))

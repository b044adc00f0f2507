"""``clonesys serve``: run the appliance until it is told to stop."""

from __future__ import annotations

import asyncio
import logging
import sys
from contextlib import closing, nullcontext
from ipaddress import IPv4Address
from typing import Annotated

import typer

from netboot import sockets
from provisioner.base import log_lines
from provisioner.base.config import load_config, parse_listen
from provisioner.base.errors import InvalidError
from provisioner.base.home import Home
from provisioner.boot import files
from provisioner.cli.context import of
from provisioner.database.engine import open_migrated
from provisioner.serve import privileges
from provisioner.serve.handshake import PARTS, Settings
from provisioner.serve.narrator import narrating
from provisioner.serve.supervisor import Supervisor

log = logging.getLogger("clonesys.serve")

Port = Annotated[int, typer.Option(min=0, max=65535, help="For tests; firmware knows the usual one only.")]


def serve(  # noqa: PLR0917 - each is an option of the command line
    context: typer.Context,
    interface: Annotated[
        list[str] | None, typer.Option(help="Serve on this network only; several: repeat it.")
    ] = None,
    only: Annotated[str, typer.Option(help="Some parts only, separated by commas.")] = ",".join(PARTS),
    http_listen: Annotated[str | None, typer.Option(help="ADDR:PORT instead of the configured one.")] = None,
    listen: Annotated[str, typer.Option(help="Serve DHCP, TFTP, DNS at this address only.")] = "0.0.0.0",  # noqa: S104 - the default is every network
    dhcp_port: Port = 67,
    binl_port: Port = 4011,
    tftp_port: Port = 69,
    dns_port: Port = 53,
    *,
    dns: Annotated[bool, typer.Option(help="Whether to answer DNS.")] = True,
) -> None:
    """Serve: proxyDHCP, TFTP, DNS; HTTP; and the controller. SIGTERM or Ctrl-C ends it.

    Says what happens on standard error, one line an event; what machines repeat is counted.
    """
    home = of(context).home
    database = open_migrated(home)
    parts, config = _parts(only), load_config(home)
    address, port = _http(http_listen or config.http.listen, bind="http" in parts)
    settings = Settings(
        home=home,
        http_address=address,
        http_port=port,
        workers=config.http.workers,
        interfaces=tuple(interface or config.network.interfaces),
        listen=_address(listen),
        dhcp_port=dhcp_port,
        binl_port=binl_port,
        tftp_port=tftp_port,
        dns_port=dns_port if dns else None,
    )
    log_lines.install("%(asctime)s serve %(levelname)s %(message)s")
    _complain_of_missing(Home(home), parts)
    if warning := privileges.check(home):
        log.warning("%s", warning)
    # One part tells: as systemd units, the parts have a log of their own each.
    tells = narrating(database) if "controller" in parts else nullcontext()
    with closing(database), tells:
        asyncio.run(Supervisor(settings, parts, _announce).run())


def _complain_of_missing(home: Home, parts: tuple[str, ...]) -> None:
    """An error for each boot file that is not there. The rest is served: images, the page, other machines."""
    if {"netboot", "http"} & set(parts):
        for name, maker in files.missing(home).items():
            log.error("the boot file %s is missing, and no machine can be booted with it: %s", name, maker)


def _parts(only: str) -> tuple[str, ...]:
    wanted = {word.strip() for word in only.split(",") if word.strip()}
    unknown = sorted(wanted - set(PARTS))
    if unknown or not wanted:
        what = ", ".join(unknown) or only
        raise InvalidError(f"there is no part {what!r}", (), f"parts: {', '.join(PARTS)}")
    return tuple(part for part in PARTS if part in wanted)


def _address(text: str) -> IPv4Address:
    try:
        return IPv4Address(text)
    except ValueError as error:
        raise InvalidError(f"{text!r} is no IPv4 address", (), "see 'ip -4 address'") from error


def _http(listen: str, *, bind: bool) -> tuple[IPv4Address, int]:
    """Where HTTP will be; a free port for 0. Raises NetbootError, naming who holds the port.

    Tried before anything starts: the workers bind with SO_REUSEPORT, which would share a port in silence.
    """
    try:
        address, port = parse_listen(listen)
    except ValueError as error:
        raise InvalidError(str(error), (), "see --http-listen") from error
    if bind:
        with sockets.open_tcp(address, port) as opened:
            port = sockets.port_of(opened)
    return address, port


def _announce(where: dict[str, str]) -> None:
    sys.stdout.write(f"ready: {', '.join(f'{name} {place}' for name, place in where.items())}\n")
    sys.stdout.flush()

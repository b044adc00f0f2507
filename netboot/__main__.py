"""``python -m netboot``: the network services alone, with one kernel (or the local disk) for all machines."""

from __future__ import annotations

import asyncio
import logging
import os
import shlex
import signal
import sys
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from ipaddress import AddressValueError, IPv4Address
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from netboot.booter import StaticBooter
from netboot.dns.zone import StaticZone
from netboot.errors import NetbootError
from netboot.http.app import boot_app
from netboot.http.serving import free_port, serving
from netboot.model import Kernel, LocalDisk
from netboot.printing import PrintSink
from netboot.service import Ports, Settings, serve

if TYPE_CHECKING:
    from netboot.model import Boot

IPXE = Path("/usr/lib/ipxe")
"""Where Debian's package ipxe puts the loaders."""


@dataclass(frozen=True, slots=True)
class Options:
    """What the command line asked for."""

    settings: Settings
    booter: StaticBooter
    zone: StaticZone | None


def main(  # noqa: PLR0917 - typer makes an option of each
    listen: Annotated[str, typer.Option(help="The address to serve at.")] = "0.0.0.0",  # noqa: S104 - proxyDHCP is for a network
    interface: Annotated[
        list[str] | None, typer.Option(help="The only interface to serve; several: repeat it.")
    ] = None,
    dhcp_port: Annotated[int, typer.Option(help="Clients are answered at the next higher port.")] = 67,
    binl_port: Annotated[int, typer.Option(help="Second port of PXE.")] = 4011,
    tftp_port: Annotated[int, typer.Option(help="0 for any free one, as with all ports.")] = 69,
    tftp_block_size: Annotated[
        int,
        typer.Option(
            min=512,
            max=65464,
            help="Largest TFTP block in bytes, for paths that carry less than the MTU.",
        ),
    ] = 65464,
    http_port: Annotated[int, typer.Option(help="Boot scripts and files.")] = 80,
    dns_port: Annotated[int | None, typer.Option(help="No DNS unless given.")] = None,
    root: Annotated[
        Path, typer.Option(help="Boot files; loaders are also looked for in /usr/lib/ipxe.")
    ] = IPXE,
    kernel: Annotated[Path | None, typer.Option(help="Boot this; else the local disk.")] = None,
    initrd: Annotated[list[Path] | None, typer.Option(help="Initial RAM disks, in order.")] = None,
    append: Annotated[str, typer.Option(help="Kernel command line.")] = "",
    host: Annotated[list[str] | None, typer.Option(help="NAME=ADDRESS, for DNS.")] = None,
) -> None:
    """Boot machines over the network, beside the site's own DHCP server. SIGTERM ends it."""
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s: %(message)s")
    try:
        settings = Settings(
            _address(listen),
            tuple(interface or ()),
            http_port,
            dhcp_port,
            binl_port,
            tftp_port,
            dns_port,
            tftp_block_size,
        )
        options = Options(settings, _booter(root, kernel, initrd or [], append), _zone(host or []))
        asyncio.run(_run(options))
    except NetbootError as error:
        typer.echo(f"error: {error.message}", err=True)
        if error.hint:
            typer.echo(f"hint: {error.hint}", err=True)
        raise typer.Exit(1) from None


async def _run(options: Options) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    address = options.settings.listen
    settings = replace(options.settings, http_port=free_port(address, options.settings.http_port))
    sink = PrintSink()

    def ready(ports: Ports) -> None:
        typer.echo(
            f"ready: dhcp={ports.dhcp} binl={ports.binl} tftp={ports.tftp}"
            f" http={settings.http_port} dns={ports.dns or 'off'}"
        )

    async with AsyncExitStack() as stack:
        stack.callback(sink.close)
        app = boot_app(options.booter, sink, settings.http_port)
        await stack.enter_async_context(serving(app, address, settings.http_port, settings.interfaces))
        await serve(settings, options.booter, options.zone, sink, ready=ready, stop=stop)


def _booter(root: Path, kernel: Path | None, initrds: list[Path], append: str) -> StaticBooter:
    named = {path.name: path for path in (kernel, *initrds) if path is not None}
    for path in named.values():
        if not path.is_file():
            raise NetbootError(f"{path} is no file", "give the path of a kernel or an initial RAM disk")
    boot: Boot = LocalDisk()
    if kernel is not None:
        boot = Kernel(kernel.name, tuple(path.name for path in initrds), tuple(shlex.split(append)))
    return StaticBooter((root, IPXE), boot, named)


def _zone(hosts: list[str]) -> StaticZone:
    pairs = (host.partition("=") for host in hosts)
    return StaticZone({name.lower(): _address(address) for name, _, address in pairs})


def _address(text: str) -> IPv4Address:
    try:
        return IPv4Address(text)
    except AddressValueError as error:
        raise NetbootError(f"{text!r} is no IPv4 address", str(error)) from error


def run() -> None:
    """The program. Does not return."""
    try:
        typer.run(main)
    except SystemExit as ended:
        sys.stdout.flush()
        sys.stderr.flush()
        # Everything is closed, but threads of granian live on, and abort if they meet Python at its end.
        os._exit(ended.code if isinstance(ended.code, int) else 0)


if __name__ == "__main__":
    run()

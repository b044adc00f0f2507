"""Boot scripts from the templates in ``templates/boot``.

Templates get finished values and hold no decisions. Nothing is escaped, so
what goes into a script is checked here to be one harmless word.
"""

from __future__ import annotations

import re
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING

from jinja2 import Environment, FunctionLoader, StrictUndefined, Template

from netboot.errors import NetbootError
from netboot.model import Architecture

if TYPE_CHECKING:
    from collections.abc import Iterable

    from netboot.model import Client, Endpoint, Kernel

TRIES = 10
"""How often a script tries before it hands over to the local disk: about a minute, for a restart of ours."""

_NOT_A_WORD = re.compile(r"[\s\x00-\x1f]|\$\{|^(&&|\|\||)$")
"""What iPXE would not take as one word: white space, an expansion, an operator, nothing at all."""


def bootstrap(here: Endpoint) -> str:
    """What iPXE loads by TFTP: gets an address if it has none, and asks ``here`` for its script."""
    return _template("bootstrap.ipxe.j2").render(server=str(here.address), url=here.url, tries=TRIES)


def kernel(boot: Kernel, client: Client, here: Endpoint) -> str:
    """Boot a Linux kernel, which learns by ``BOOTIF`` which interface it was started from.

    Raises NetbootError if a name or a word of the command line would not survive iPXE's reading.
    """
    initrds = [f"initrd={name}" for name in boot.initrds]
    bootif = f"BOOTIF=01-{client.mac.replace(':', '-')}"
    return _template("kernel.ipxe.j2").render(
        server=str(here.address),
        blobs=f"{here.url}/boot/blob",
        mac=client.mac,
        kernel=_word(boot.kernel),
        initrds=list(_words(boot.initrds)),
        cmdline=" ".join(_words([*initrds, *boot.cmdline, bootif])),
        tries=TRIES,
    )


def local(client: Client) -> str:
    """Hand back to the firmware so that it goes on to the machine's own disk."""
    name = "local-bios.ipxe.j2" if client.architecture is Architecture.BIOS else "local-uefi.ipxe.j2"
    return _template(name).render()


def _words(texts: Iterable[str]) -> Iterable[str]:
    return (_word(text) for text in texts)


def _word(text: str) -> str:
    if _NOT_A_WORD.search(text) or not text.isascii():
        raise NetbootError(f"{text!r} cannot stand in a boot script", "use words without spaces or ${…}")
    return text


@cache
def _template(name: str) -> Template:
    return _environment().get_template(name)


@cache
def _environment() -> Environment:
    boot = resources.files("templates") / "boot"
    return Environment(
        loader=FunctionLoader(lambda name: (boot / name).read_text("utf-8")),
        undefined=StrictUndefined,
        autoescape=False,  # noqa: S701 - scripts, not HTML; their words are checked above
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )

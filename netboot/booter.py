"""The one seam: the network services ask a :class:`Booter` what a machine boots.

The law: a booter is asked many times during one boot (each DHCP retry, the
4011 request, the script), so ``decide`` changes nothing. State changes only
through events and through what the booted system says about itself.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from netboot.model import LocalDisk

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from netboot.model import Boot, Client, Endpoint


class Booter(Protocol):
    """Decides what a client boots, and finds the files for it."""

    def decide(self, client: Client, here: Endpoint) -> Boot:
        """What ``client``, which reaches us at ``here``, boots now. Changes nothing.

        The booter of :func:`netboot.service.serve` answers from memory: an offer must not wait for a
        database. What it knows may be a second old. HTTP asks its booter in threads; that one may block.
        """
        ...

    def locate(self, name: str) -> Path | None:
        """The file behind a blob name of :class:`netboot.model.Kernel`, or None if there is none.

        May block.
        """
        ...


@dataclass(frozen=True, slots=True)
class StaticBooter:
    """Boots every machine alike: the booter of ``python -m netboot``, without a product behind it.

    Attributes:
        roots: directories searched for files, in order.
        boot: what every machine boots.
        named: files that are found under another name than their own.
    """

    roots: tuple[Path, ...]
    boot: Boot = field(default_factory=LocalDisk)
    named: Mapping[str, Path] = field(default_factory=dict)

    def decide(self, client: Client, here: Endpoint) -> Boot:
        del client, here
        return self.boot

    def locate(self, name: str) -> Path | None:
        """A named file, else one under the roots; links that leave their root are not followed."""
        if name in self.named:
            return self.named[name]
        for root in self.roots:
            path = (root / name).resolve()
            if path.is_relative_to(root.resolve()) and path.is_file():
                return path
        return None

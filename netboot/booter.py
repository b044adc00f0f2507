"""The one seam between the network services and whoever knows what a machine should boot.

The law: a booter is asked many times during one boot (each DHCP retry, the
4011 request, the script), so ``decide`` changes nothing. State changes only
through events and through what the booted system says about itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from pathlib import Path

    from netboot.model import Boot, Client, Endpoint


class Booter(Protocol):
    """Decides what a client boots, and finds the files for it."""

    def decide(self, client: Client, here: Endpoint) -> Boot:
        """What ``client``, which reaches us at ``here``, boots now. May block, must not change."""
        ...

    def locate(self, name: str) -> Path | None:
        """The file behind a blob name of :class:`netboot.model.Kernel`, or None if there is none."""
        ...

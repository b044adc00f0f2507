"""Which machine has which address, as far as DHCP packets on the wire have told.

TFTP shows addresses only. A client broadcasts which address it takes (option 50
of its REQUEST to the site's own DHCP server), and names its own in ``ciaddr``; so
a transfer can be told to belong to a machine. A hint for people and for choosing
the form of an answer, never a proof of identity.
"""

from __future__ import annotations

from netboot.recent import Recent


class Machines:
    """Remembers the last known owner of an address."""

    def __init__(self, limit: int = 8192) -> None:
        self._macs: Recent[str, str] = Recent(limit)

    def learn(self, address: str, mac: str) -> None:
        """``mac`` says that it uses ``address``."""
        self._macs.put(address, mac)

    def mac_of(self, address: str) -> str | None:
        """Who uses ``address``, or None."""
        return self._macs.get(address)

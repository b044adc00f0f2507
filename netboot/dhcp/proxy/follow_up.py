"""What became of an offer: told by what the machine does next, and in words when that is nothing.

A proxy's offer can be lost without a trace. iPXE takes the first offer whose option 60 is ``PXEClient``; edk2
prefers an address server's offer with that option to any proxy's, and asks that server on port 4011. Nothing
that a proxy may send changes this (seen with QEMU's BIOS ROM and OVMF), but what it looks like from here is
known: the machine takes an address, broadcasting from which server, and asks us for nothing.

Pure: time is an argument, in monotonic seconds.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from netboot.memory import Recent
from netboot.model import Program

if TYPE_CHECKING:
    from ipaddress import IPv4Address

PATIENCE = {Program.ROM: 40.0, Program.IPXE: 40.0, Program.HTTP_ROM: 60.0}
"""Seconds from taking an address to the first request: for a file or on port 4011. iPXE waits 17 s for an
IPv6 router before its first file (seen on the wire). What is asked of HTTP is not seen here, so HTTP boot has
the time until its loader asks in turn."""
SILENCE = 45.0
"""Seconds after the last offer until a machine has given up: edk2 waits 32 s after its last DISCOVER."""
_DUPLICATE = 3.0
"""Seconds within which another DISCOVER is a duplicate, not the next attempt."""
_CURE = "remove options 60, 66 and 67 there, at least for machines that boot from here"


@dataclass(frozen=True, slots=True)
class _Attempt:
    program: Program
    offered: float
    server: IPv4Address | None = None
    taken: float = 0.0

    def failed(self) -> str:
        """What to say of an attempt that led nowhere."""
        if self.server is None:
            return (
                "was offered a boot and took no address: its network has no DHCP server with a free one, "
                "or this firmware understands neither form of our answer"
            )
        if self.program is Program.IPXE:
            return (
                f"iPXE took its address from {self.server} and no script from us: the offer from there came "
                f"first and carries option 60 (PXEClient); {_CURE}"
            )
        return (
            f"took its address from {self.server} and no file from us: the offer from there carries "
            f"option 60 (PXEClient), or names a boot server of its own; {_CURE}"
        )


class FollowUp:
    """Remembers the offers that nothing has come of yet; of ``limit`` machines at most."""

    def __init__(self, limit: int = 4096) -> None:
        self._attempts: Recent[str, _Attempt] = Recent(limit)

    def offered(self, mac: str, program: Program, now: float) -> str | None:
        """An offer goes to ``mac``; what there is to say of the attempt before."""
        last = self._attempts.get(mac)
        self._attempts.put(mac, _Attempt(program, now))
        if last is None or last.server is None:
            return None
        if last.program is program and now - last.taken < _DUPLICATE:
            return None
        # A loader that asks was fetched, by HTTP perhaps.
        fetched = program is Program.IPXE and last.program is not Program.IPXE
        return None if fetched else last.failed()

    def took(self, mac: str, server: IPv4Address, now: float) -> None:
        """``mac`` takes an address that ``server`` offered."""
        last = self._attempts.get(mac)
        if last is not None and last.server is None:
            self._attempts.put(mac, replace(last, server=server, taken=now))

    def progressed(self, mac: str) -> None:
        """``mac`` asked us for something: the offer was taken."""
        self._attempts.forget(mac)

    def overdue(self, now: float) -> list[tuple[str, str]]:
        """Machines whose time is over, with what to say; each is said once."""
        late = [(mac, attempt) for mac, attempt in self._attempts.items() if _is_late(attempt, now)]
        for mac, _ in late:
            self._attempts.forget(mac)
        return [(mac, attempt.failed()) for mac, attempt in late]


def _is_late(attempt: _Attempt, now: float) -> bool:
    if attempt.server is None:
        return now - attempt.offered > SILENCE
    return now - attempt.taken > PATIENCE[attempt.program]

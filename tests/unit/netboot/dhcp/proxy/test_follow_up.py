"""What is said of an offer that led nowhere; time is given, nothing waits."""

from __future__ import annotations

from ipaddress import IPv4Address

import pytest

from netboot.dhcp.proxy.follow_up import PATIENCE, SILENCE, FollowUp
from netboot.model import Program

MAC = "52:54:00:00:00:01"
SITE = IPv4Address("192.0.2.1")


@pytest.mark.parametrize("program", list(Program))
def test_an_address_from_elsewhere_and_silence_is_told_once(program: Program) -> None:
    """Which server, and what to remove there."""
    follow_up = FollowUp()
    follow_up.offered(MAC, program, 0.0)
    follow_up.took(MAC, SITE, 1.0)
    assert follow_up.overdue(1.0 + PATIENCE[program]) == []
    ((mac, text),) = follow_up.overdue(1.1 + PATIENCE[program])
    assert mac == MAC
    assert "192.0.2.1" in text
    assert "remove options 60, 66 and 67 there" in text
    assert follow_up.overdue(1000.0) == []


def test_no_address_at_all_is_told() -> None:
    """After the last of the firmware's tries."""
    follow_up = FollowUp()
    for now in (0.0, 4.0, 12.0, 28.0):
        assert follow_up.offered(MAC, Program.ROM, now) is None
    assert follow_up.overdue(28.0 + SILENCE) == []
    assert "took no address" in follow_up.overdue(28.1 + SILENCE)[0][1]


def test_what_goes_on_is_not_told() -> None:
    """A file was asked for, or port 4011."""
    follow_up = FollowUp()
    follow_up.offered(MAC, Program.IPXE, 0.0)
    follow_up.took(MAC, SITE, 1.0)
    follow_up.progressed(MAC)
    assert follow_up.overdue(1000.0) == []
    assert follow_up.offered(MAC, Program.IPXE, 1001.0) is None


def test_the_next_way_to_boot_tells_of_the_last_one() -> None:
    """edk2 goes on to HTTP boot when PXE has failed; a loader that asks has been fetched."""
    follow_up = FollowUp()
    follow_up.offered(MAC, Program.ROM, 0.0)
    follow_up.took(MAC, SITE, 4.0)
    assert "took its address from 192.0.2.1" in (follow_up.offered(MAC, Program.HTTP_ROM, 14.0) or "")
    follow_up.took(MAC, SITE, 18.0)
    assert follow_up.offered(MAC, Program.IPXE, 25.0) is None


def test_a_duplicate_is_no_next_try() -> None:
    """A relay's copy of a DISCOVER, late; a DISCOVER seconds after is one."""
    follow_up = FollowUp()
    follow_up.offered(MAC, Program.IPXE, 0.0)
    follow_up.took(MAC, SITE, 1.0)
    assert follow_up.offered(MAC, Program.IPXE, 1.5) is None
    follow_up.took(MAC, SITE, 2.0)
    assert "no script from us" in (follow_up.offered(MAC, Program.IPXE, 6.0) or "")


def test_memory_is_bounded() -> None:
    """Inventing machines makes us forget, not grow."""
    follow_up = FollowUp(limit=3)
    for number in range(100):
        follow_up.offered(f"{number}", Program.ROM, 0.0)
    assert len(follow_up.overdue(1000.0)) == 3

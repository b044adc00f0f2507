"""Which interfaces and addresses are served, for what was asked and what is there."""

from __future__ import annotations

from ipaddress import IPv4Address

import pytest

from netboot.errors import NetbootError
from netboot.interfaces import Interface, Scope, present

LO = Interface("lo", 1, (IPv4Address("127.0.0.1"),))
LAB = Interface("lab", 2, (IPv4Address("10.0.0.2"), IPv4Address("10.0.0.9")))
OFFICE = Interface("office", 3, (IPv4Address("10.1.0.2"),))
BARE = Interface("bare", 4)
MACHINE = (LO, LAB, OFFICE, BARE)


@pytest.mark.parametrize(
    ("scope", "served"),
    [
        (Scope(), (LO, LAB, OFFICE)),
        (Scope(("office",)), (OFFICE,)),
        (Scope(("office", "bare")), (OFFICE, BARE)),
        (Scope(listen=IPv4Address("10.0.0.9")), (LAB,)),
        (Scope(listen=IPv4Address("127.0.0.2")), (LO,)),
        (Scope(("office",), IPv4Address("10.0.0.9")), (OFFICE,)),
    ],
)
def test_broadcasts_are_heard_where_it_was_asked_for(scope: Scope, served: tuple[Interface, ...]) -> None:
    """Names come first; an address alone means its own interface; nothing means all that can be reached."""
    assert scope.served(MACHINE) == served


def test_requests_are_answered_at_the_addresses_of_what_is_served() -> None:
    """An address that is gone is served nowhere."""
    assert Scope().addresses(MACHINE) == (*LO.addresses, *LAB.addresses, *OFFICE.addresses)
    assert Scope(("lab",)).addresses(MACHINE) == LAB.addresses
    assert Scope(listen=IPv4Address("10.0.0.9")).addresses(MACHINE) == (IPv4Address("10.0.0.9"),)
    assert Scope(listen=IPv4Address("10.0.0.9")).addresses((LO, OFFICE)) == ()


def test_named_interfaces_confine_where_requests_come_from() -> None:
    """By these and by the loopback; without names from anywhere."""
    assert Scope(("lab", "gone")).arrivals(MACHINE) == frozenset({1, 2})
    assert Scope(listen=IPv4Address("10.0.0.9")).arrivals(MACHINE) is None


def test_a_slip_of_the_hand_is_an_error() -> None:
    """With the names there are."""
    with pytest.raises(NetbootError, match="there is no network interface eth7") as caught:
        Scope(("lab", "eth7")).check(MACHINE)
    assert "bare, lab, lo, office" in caught.value.hint


def test_this_machine_has_a_loopback() -> None:
    """As the kernel tells it."""
    assert any(one.name == "lo" and IPv4Address("127.0.0.1") in one.addresses for one in present())

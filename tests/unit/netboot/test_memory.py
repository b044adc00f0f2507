"""The small memories: bounded, and forgetting the right thing."""

from __future__ import annotations

from netboot.machines import Machines
from netboot.recent import Recent


def test_the_least_recently_used_goes_first() -> None:
    """Reading is a use."""
    recent: Recent[str, int] = Recent(2)
    recent.put("a", 1)
    recent.put("b", 2)
    assert recent.get("a") == 1
    recent.put("c", 3)
    assert (recent.get("a"), recent.get("b"), recent.get("c"), len(recent)) == (1, None, 3, 2)


def test_addresses_change_their_owner() -> None:
    """The last machine that claims an address has it."""
    machines = Machines()
    machines.learn("10.0.0.1", "a")
    machines.learn("10.0.0.1", "b")
    assert machines.mac_of("10.0.0.1") == "b"
    assert machines.mac_of("10.0.0.2") is None

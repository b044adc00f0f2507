"""The small memories: bounded, and forgetting the right thing."""

from __future__ import annotations

from netboot.memory import AddressOwners, RateLimit, Recent


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
    owners = AddressOwners()
    owners.learn("10.0.0.1", "a")
    owners.learn("10.0.0.1", "b")
    assert owners.mac_of("10.0.0.1") == "b"
    assert owners.mac_of("10.0.0.2") is None


def test_rate_limit() -> None:
    """A burst, then a steady trickle, each machine by itself."""
    limit = RateLimit(burst=3, per_second=1.0)
    assert [limit.allows("a", 0.0) for _ in range(4)] == [True, True, True, False]
    assert limit.allows("b", 0.0)
    assert [limit.allows("a", 2.0) for _ in range(3)] == [True, True, False]

"""A zone that is a list."""

from __future__ import annotations

from ipaddress import IPv4Address

from netboot.dns.zone import StaticZone


def test_a_list_of_names() -> None:
    """Names to addresses and back to the first name."""
    zone = StaticZone({"a": IPv4Address("10.0.0.1"), "alias": IPv4Address("10.0.0.1")})
    assert list(zone.lookup("alias")) == [IPv4Address("10.0.0.1")]
    assert list(zone.lookup("b")) == []
    assert zone.reverse(IPv4Address("10.0.0.1")) == "a"
    assert zone.reverse(IPv4Address("10.0.0.2")) is None

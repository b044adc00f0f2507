"""What people type to name machines."""

from __future__ import annotations

import pytest

from provisioner.base.errors import InvalidError
from provisioner.hosts.names import parse_mac, parse_name, parse_uuid


@pytest.mark.parametrize("text", ["52:54:00:AB:cd:01", "52-54-00-ab-cd-01", "5254.00ab.cd01", "525400ABCD01"])
def test_mac_in_any_notation(text: str) -> None:
    """Whatever a label or a switch prints becomes what sysfs writes."""
    assert parse_mac(text) == "52:54:00:ab:cd:01"


@pytest.mark.parametrize(
    "text", ["", "52:54:00:ab:cd", "52:54:00:ab:cd:0g", "ff:ff:ff:ff:ff:ff", "01:00:5e:00:00:01"]
)
def test_no_mac(text: str) -> None:
    """Too short, no digits, and addresses that no machine sends from."""
    with pytest.raises(InvalidError):
        parse_mac(text)


@pytest.mark.parametrize(
    "text",
    ["", "a b", "-a", "a-", "a.b", "a_b", "x" * 64, "ä", "LocalHost", "ip6-localhost", "local", "12", "0x1"],
)
def test_no_hostname(text: str) -> None:
    """Only what DNS takes as one label is a host's name, and what nobody means something else by."""
    with pytest.raises(InvalidError):
        parse_name(text)


def test_names_and_uuids_are_folded() -> None:
    """Case does not matter."""
    assert parse_name(" RifPC12 ") == "rifpc12"
    assert parse_uuid("11111111-2222-3333-4444-55555555ABCD").endswith("abcd")
    with pytest.raises(InvalidError):
        parse_uuid("x")

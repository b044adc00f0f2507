"""Which interface, and what is said while there is none."""

from itertools import islice

import pytest

from initramfs.agent.boot.network import Interface, choose, missing, moments, wanted_mac

ETH0 = Interface("eth0", "52:54:00:00:00:01", carrier=False)
ETH1 = Interface("eth1", "52:54:00:00:00:02", carrier=True)


@pytest.mark.parametrize(
    ("words", "mac"),
    [
        ({"clonesys.mac": "52:54:00:AA:BB:CC"}, "52:54:00:aa:bb:cc"),
        ({"BOOTIF": "01-52-54-00-AA-BB-CC"}, "52:54:00:aa:bb:cc"),
        ({"BOOTIF": "20-52-54-00-aa-bb-cc"}, None),
        ({"quiet": ""}, None),
        ({"clonesys.mac": "52:54:00:00:00:01", "BOOTIF": "01-52-54-00-aa-bb-cc"}, "52:54:00:00:00:01"),
    ],
)
def test_the_boot_script_or_pxelinux_names_the_card(words: dict[str, str], mac: str | None) -> None:
    """Our own word first; BOOTIF only if it is Ethernet."""
    assert wanted_mac(words) == mac


def test_the_card_that_booted_is_taken_even_without_a_cable() -> None:
    """Another one with a cable may be on another network."""
    assert choose([ETH1, ETH0], ETH0.mac, strict=True) == ETH0


def test_a_card_that_is_not_there_is_waited_for_and_then_replaced() -> None:
    """Its driver may be missing; a machine that comes up at all is better."""
    assert choose([ETH0, ETH1], "52:54:00:00:00:09", strict=True) is None
    assert choose([ETH0, ETH1], "52:54:00:00:00:09", strict=False) == ETH1


def test_without_a_name_the_cable_decides() -> None:
    """A machine's only card is taken at once."""
    assert choose([ETH0, ETH1], None, strict=True) == ETH1
    assert choose([ETH0], None, strict=True) == ETH0
    assert choose([], None, strict=True) is None


def test_what_is_missing_is_said_less_and_less_often() -> None:
    """For ever, but never in a flood."""
    assert list(islice(moments(), 6)) == [5, 15, 35, 75, 135, 195]


def test_the_complaint_names_what_was_found() -> None:
    """So that a wrong address in the host's entry is seen at once."""
    line = missing([ETH0], "52:54:00:00:00:09")
    assert "52:54:00:00:00:09" in line
    assert "eth0 (52:54:00:00:00:01)" in line

"""What a DHCP lease means."""

from initramfs.agent.boot.lease import commands, resolv, summary

LEASE = {
    "interface": "eth0",
    "ip": "10.0.2.15",
    "mask": "20",
    "router": "10.0.2.2 10.0.2.3",
    "dns": "10.0.2.3 10.0.2.4",
    "domain": "lab.example",
    "serverid": "10.0.2.1",
}


def test_a_lease_becomes_an_address_and_a_route() -> None:
    """The first gateway only; a renewal does the same again."""
    expected = [
        "address replace 10.0.2.15/20 dev eth0",
        "route replace default via 10.0.2.2 dev eth0",
    ]
    assert commands("bound", LEASE) == expected
    assert commands("renew", LEASE) == expected


def test_an_isolated_lan_needs_no_gateway() -> None:
    """Nor names."""
    lease = {"interface": "eth0", "ip": "10.0.2.15"}
    assert commands("bound", lease) == ["address replace 10.0.2.15/24 dev eth0"]
    assert resolv(lease) == ""
    assert summary(lease) == "10.0.2.15/24 on eth0"


def test_a_lost_lease_takes_the_address_away() -> None:
    """And the interface stays up, for the next try; other events change nothing."""
    assert commands("deconfig", {"interface": "eth0"}) == [
        "address flush dev eth0 scope global",
        "link set eth0 up",
    ]
    assert commands("leasefail", {"interface": "eth0"}) == []
    assert commands("nak", {"interface": "eth0"}) == []


def test_names_are_resolved_as_the_server_says() -> None:
    """For people at the shell."""
    assert resolv(LEASE) == "search lab.example\nnameserver 10.0.2.3\nnameserver 10.0.2.4\n"
    assert summary(LEASE) == "10.0.2.15/20 on eth0, gateway 10.0.2.2 10.0.2.3 from 10.0.2.1"

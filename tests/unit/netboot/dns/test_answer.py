"""DNS answers: ours, not ours, and garbage."""

from __future__ import annotations

from ipaddress import IPv4Address

import dnslib
import pytest
from hypothesis import given
from hypothesis import strategies as st

from netboot.dns.answer import answer
from netboot.dns.zone import StaticZone

ZONE = StaticZone({"rifpc12": IPv4Address("10.0.0.12"), "rifpc12.site.example": IPv4Address("10.0.0.12")})


def asked(name: str, kind: str = "A", **header: int) -> dnslib.DNSRecord:
    """The parsed answer to one question."""
    question = dnslib.DNSRecord.question(name, kind)
    for field, value in header.items():
        setattr(question.header, field, value)
    reply = answer(question.pack(), ZONE)
    assert reply is not None
    record = dnslib.DNSRecord.parse(reply)
    assert (record.header.id, record.header.qr) == (question.header.id, 1)
    return record


def rcode(record: dnslib.DNSRecord) -> str:
    """The name of its result code."""
    text: str = dnslib.RCODE[record.header.rcode]
    return text


@pytest.mark.parametrize("name", ["rifpc12", "RIFpc12.", "rifpc12.site.example"])
def test_hosts_and_aliases(name: str) -> None:
    """Names are found in any case, with and without domain."""
    reply = asked(name)
    assert [str(record.rdata) for record in reply.rr] == ["10.0.0.12"]
    assert reply.header.aa == 1


def test_reverse() -> None:
    """An address gives the host's first name."""
    reply = asked("12.0.0.10.in-addr.arpa", "PTR")
    assert [str(record.rdata) for record in reply.rr] == ["rifpc12."]


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("rifpc13", "A"),
        ("example.com", "A"),
        ("13.0.0.10.in-addr.arpa", "PTR"),
        ("in-addr.arpa", "PTR"),
        ("x.0.0.10.in-addr.arpa", "PTR"),
        ("0.10.in-addr.arpa", "PTR"),
        (".", "NS"),
    ],
)
def test_what_is_not_ours_is_refused(name: str, kind: str) -> None:
    """A resolver then asks its next server; NXDOMAIN would be believed."""
    assert rcode(asked(name, kind)) == "REFUSED"


def test_other_types_of_our_names_have_no_data() -> None:
    """A host without IPv6 exists all the same (RFC 2308 §2.2)."""
    reply = asked("rifpc12", "AAAA")
    assert (rcode(reply), reply.rr) == ("NOERROR", [])


def test_only_queries_are_implemented() -> None:
    """NOTIFY, UPDATE and the like are said no to."""
    assert rcode(asked("rifpc12", opcode=5)) == "NOTIMP"


def test_answers_and_questionless_packets_get_none() -> None:
    """Two servers must never answer each other's answers."""
    question = dnslib.DNSRecord.question("rifpc12")
    assert answer(question.reply().pack(), ZONE) is None
    assert answer(dnslib.DNSRecord().pack(), ZONE) is None


def test_large_answers_are_marked_for_tcp() -> None:
    """Over UDP at most 512 bytes and TC; over TCP all."""

    class Many:
        def lookup(self, name: str) -> list[IPv4Address]:
            del name
            return [IPv4Address(f"10.0.0.{last}") for last in range(1, 200)]

        def reverse(self, address: IPv4Address) -> str | None:
            del address
            return None

    question = dnslib.DNSRecord.question("many").pack()
    short, whole = answer(question, Many()), answer(question, Many(), None)
    assert short is not None
    assert whole is not None
    assert len(short) <= 512
    assert dnslib.DNSRecord.parse(short).header.tc == 1
    assert len(dnslib.DNSRecord.parse(whole).rr) == 199


@given(st.binary(max_size=100))
def test_garbage_is_never_an_exception(data: bytes) -> None:
    """Bytes or None, whatever comes in."""
    reply = answer(data, ZONE)
    assert reply is None or isinstance(reply, bytes)


@given(st.data())
def test_damaged_questions_are_never_an_exception(data: st.DataObject) -> None:
    """The same for questions with a few bytes changed."""
    packet = bytearray(dnslib.DNSRecord.question("rifpc12.site.example").pack())
    for _ in range(data.draw(st.integers(1, 4))):
        packet[data.draw(st.integers(0, len(packet) - 1))] = data.draw(st.integers(0, 255))
    reply = answer(bytes(packet), ZONE)
    assert reply is None or isinstance(reply, bytes)

"""The answer to a DNS query: bytes and a zone in, bytes out. The only importer of dnslib.

A and PTR of our own names are answered. A name of ours asked for another type
exists without data (NOERROR, RFC 2308 §2.2). What is not ours is REFUSED, so that
a resolver asks its next server instead of believing that the name does not exist.
"""

from __future__ import annotations

from ipaddress import AddressValueError, IPv4Address
from typing import TYPE_CHECKING

import dnslib

if TYPE_CHECKING:
    from netboot.dns.zone import Zone

TTL = 60
"""Seconds: hosts change their address when they change their system."""
UDP_LIMIT = 512
"""Bytes of an answer by UDP (RFC 1035 §4.2.1)."""

_A, _PTR, _IN = 1, 12, 1  # RFC 1035 §3.2: dnslib makes its tables at run time
_QUERY = 0
_HEADER, _IS_ANSWER, _ONE = 12, 0x80, b"\0\1"  # RFC 1035 §4.1.1
_NOT_IMPLEMENTED, _REFUSED = 4, 5
_REVERSE = ".in-addr.arpa"


def answer(query: bytes, zone: Zone, limit: int | None = UDP_LIMIT) -> bytes | None:
    """The reply, or None for what is no query at all: garbage must not be answered.

    ``limit`` is the largest reply in bytes; a larger one is cut and marked (TC) so that
    the client asks again by TCP, for which the limit is None.
    """
    # Before anything is parsed: an answer, or more questions than one, which nobody asks (RFC 9619).
    if len(query) < _HEADER or query[2] & _IS_ANSWER or query[4:6] != _ONE:
        return None
    try:
        request = dnslib.DNSRecord.parse(query)
    except dnslib.DNSError:
        return None
    reply = _reply(request, zone)
    packed = bytes(reply.pack())
    return packed if limit is None or len(packed) <= limit else bytes(reply.truncate().pack())


def _reply(request: dnslib.DNSRecord, zone: Zone) -> dnslib.DNSRecord:
    reply = request.reply(ra=0)
    question = request.q
    name = str(question.qname).rstrip(".").lower()
    if request.header.opcode != _QUERY:
        reply.header.rcode = _NOT_IMPLEMENTED
    elif question.qclass != _IN or not _known(name, zone):
        reply.header.rcode, reply.header.aa = _REFUSED, 0
    elif question.qtype == _A:
        for address in zone.lookup(name):
            reply.add_answer(dnslib.RR(question.qname, _A, ttl=TTL, rdata=dnslib.A(str(address))))
    elif question.qtype == _PTR and (host := _host(name, zone)):
        reply.add_answer(dnslib.RR(question.qname, _PTR, ttl=TTL, rdata=dnslib.PTR(host)))
    return reply


def _known(name: str, zone: Zone) -> bool:
    return bool(_host(name, zone) if name.endswith(_REVERSE) else zone.lookup(name))


def _host(name: str, zone: Zone) -> str | None:
    """The host of ``4.3.2.1.in-addr.arpa``."""
    try:
        address = IPv4Address(".".join(reversed(name.removesuffix(_REVERSE).split("."))))
    except AddressValueError:
        return None
    return zone.reverse(address)

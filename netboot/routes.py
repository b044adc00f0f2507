"""Which interface leads to an address, by the kernel's routing table (rtnetlink(7), RTM_GETROUTE).

A socket that is bound to an interface sends through it, wherever the receiver is. An answer to
a relay has to take the way that the routing table names (RFC 2131 §4.1), and a socket can be told
so per packet: this is the question before.
"""

from __future__ import annotations

import os
import socket
import struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ipaddress import IPv4Address

_HEADER = struct.Struct("=IHHII")
"""struct nlmsghdr: length, type, flags, sequence number, port."""
_ROUTE = struct.Struct("=BBBBBBBBI")
"""struct rtmsg: family, destination and source bits, TOS, table, protocol, scope, type, flags."""
_ATTRIBUTE = struct.Struct("=HH")
_INDEX = struct.Struct("=I")
_RTM_NEWROUTE, _RTM_GETROUTE = 24, 26
_NLM_F_REQUEST = 1
_RTA_DST, _RTA_SRC, _RTA_OIF = 1, 2, 4
_BITS = 32
_LARGEST = 4096


def interface_to(address: IPv4Address, source: IPv4Address) -> int:
    """The index of the interface by which packets from ``source`` go to ``address``; 0 if there is no way.

    The kernel answers at once: this does not block.
    """
    try:
        with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE) as asked:
            asked.bind((0, 0))
            asked.send(_question(address, source))
            return _answer(asked.recv(_LARGEST))
    except OSError:  # no descriptor left, for one: an answer by the usual way is better than none
        return 0


def _question(address: IPv4Address, source: IPv4Address) -> bytes:
    body = _ROUTE.pack(socket.AF_INET, _BITS, _BITS if int(source) else 0, 0, 0, 0, 0, 0, 0)
    body += _attribute(_RTA_DST, address.packed)
    if int(source):
        body += _attribute(_RTA_SRC, source.packed)
    return _HEADER.pack(_HEADER.size + len(body), _RTM_GETROUTE, _NLM_F_REQUEST, os.getpid(), 0) + body


def _attribute(kind: int, value: bytes) -> bytes:
    return _ATTRIBUTE.pack(_ATTRIBUTE.size + len(value), kind) + value


def _answer(data: bytes) -> int:
    """RTA_OIF of an RTM_NEWROUTE; 0 for an error, which says that there is no route."""
    length, kind, *_ = _HEADER.unpack_from(data)
    if kind != _RTM_NEWROUTE:
        return 0
    position = _HEADER.size + _ROUTE.size
    while position + _ATTRIBUTE.size <= min(length, len(data)):
        size, attribute = _ATTRIBUTE.unpack_from(data, position)
        if attribute == _RTA_OIF:
            found: int = _INDEX.unpack_from(data, position + _ATTRIBUTE.size)[0]
            return found
        position += max((size + 3) & ~3, _ATTRIBUTE.size)
    return 0

"""What a host may be called: appliance and agent agree. A leaf; pure.

A host's name becomes its hostname, a name in DNS, and a word in files that other programs parse.
"""

from __future__ import annotations

import re

HOST_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", re.IGNORECASE | re.ASCII)
"""One DNS label, RFC 1123 §2.1."""

DOMAIN = re.compile(r"([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)*[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", re.ASCII)
"""Labels in lower case, with dots between them."""

LOOPBACK = frozenset(
    {"localhost", "localhost4", "localhost6", "localdomain", "localdomain4", "localdomain6", "loopback"}
    | {"ip6-localhost", "ip6-loopback", "ip6-localnet", "ip6-mcastprefix"}
    | {"ip6-allnodes", "ip6-allrouters", "ip6-allhosts", "broadcasthost"}
)
"""What ``/etc/hosts`` of the distributions calls loopback and multicast: every machine means itself by it."""

RESERVED = LOOPBACK | {"invalid", "local", "onion"}
"""With the names that resolvers keep for themselves: RFC 6761, RFC 6762, RFC 7686."""

# inet_aton(3) reads one number as all of an address, and getaddrinfo(3) asks it before it asks for names.
_NUMBER = re.compile(r"0x[0-9a-f]*|[0-9]+", re.IGNORECASE)


def why_no_host_name(text: str) -> str:
    """The reason why ``text`` cannot be a host's name, for "it …"; empty if it can."""
    if not HOST_NAME.fullmatch(text):
        return "has other characters than letters, digits and hyphens, or more than 63"
    if text.lower() in RESERVED:
        return "is reserved: other programs mean something else by it"
    if _NUMBER.fullmatch(text):
        return "is read as an address by other programs"
    return ""


def why_no_domain(text: str) -> str:
    """The same for a domain, of one label or more; empty text is none at all, and right."""
    if text and not DOMAIN.fullmatch(text):
        return "is no domain name in lower case"
    if text.rpartition(".")[2] in {"localhost", "invalid", "onion"}:
        return "is reserved: no server answers for names in it"
    return ""

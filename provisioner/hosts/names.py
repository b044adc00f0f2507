"""Hosts: how they are called and how they are told apart. Pure checks of what people type."""

from __future__ import annotations

import re
from uuid import UUID

from provisioner.base.errors import InvalidError

LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
"""One DNS label (RFC 1123), folded to lower case: a host's name becomes its hostname."""
_MAC = re.compile(r"[0-9a-f]{12}")
_SEPARATORS = str.maketrans("", "", ":-. ")


def parse_mac(text: str) -> str:
    """A MAC as sysfs writes it, from any usual notation. Raises InvalidError for anything that is none.

    Group addresses are refused: no machine sends from one, so it is a typing error.
    """
    digits = text.strip().lower().translate(_SEPARATORS)
    if not _MAC.fullmatch(digits):
        raise _invalid(text, "is no MAC address", "write it like 52:54:00:12:34:56")
    if int(digits[:2], 16) & 1:
        raise _invalid(text, "is a group address", "read it again from the machine's label")
    return bytes.fromhex(digits).hex(":")


def parse_name(text: str) -> str:
    """A host's name or alias in lower case. Raises InvalidError unless it is one DNS label."""
    name = text.strip().lower()
    if not LABEL.fullmatch(name):
        raise _invalid(text, "cannot be a hostname", "use letters, digits and hyphens, at most 63, no dots")
    return name


def parse_uuid(text: str) -> str:
    """A system UUID in canonical form. Raises InvalidError for anything else."""
    try:
        return str(UUID(text))
    except ValueError as error:
        raise _invalid(
            text, "is no UUID", "read it with 'dmidecode -s system-uuid' on the machine"
        ) from error


def _invalid(text: str, what: str, hint: str) -> InvalidError:
    return InvalidError(f"{text!r} {what}", (), hint)

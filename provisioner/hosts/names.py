"""Hosts: how they are called and how they are told apart. Pure checks of what people type."""

from __future__ import annotations

import re
from uuid import UUID

from initramfs.messages.names import why_no_host_name
from provisioner.base.errors import InvalidError

_MAC = re.compile(r"[0-9a-f]{12}")
_SEPARATORS = str.maketrans("", "", ":-. ")


_NUMBER = re.compile(r"(\d+)")


def natural(name: str) -> tuple[tuple[int, int | str], ...]:
    """A key that sorts names as people count: pc2 before pc10."""
    parts = _NUMBER.split(name)
    return tuple((0, int(part)) if part.isdigit() else (1, part) for part in parts if part)


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
    """A host's name or alias in lower case. Raises InvalidError for what can be no host's."""
    name = text.strip().lower()
    if why := why_no_host_name(name):
        raise _invalid(text, f"cannot be a hostname: it {why}", "choose another; pc12 would do, without dots")
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

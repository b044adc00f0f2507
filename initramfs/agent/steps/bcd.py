"""Windows' boot configuration: a registry hive that names the disk and the partition to start from.

Pure: bytes in, bytes out. A device element of a partition has this form (little-endian)::

    0x10  6: a partition          0x20  MBR: its start in bytes; GPT: its GUID
    0x18  0x48: length from here  0x34  0: GPT, 1: MBR
                                  0x38  the disk's signature, or its GUID

Identifiers are as long as before, and a hive has no checksum over its elements: they are exchanged in
place.
Source: mistyprojects.co.uk, "BCDEdit notes: devices, partition", with dumps of both kinds.
"""

from __future__ import annotations

import re
import struct
import uuid
from collections.abc import Iterator, Mapping

FILES = ("EFI/Microsoft/Boot/BCD", "EFI/Microsoft/Recovery/BCD", "Boot/BCD", "boot/bcd", "Boot/bcd")
"""On the EFI system partition, or on the active partition of a BIOS machine."""

HIVE = b"regf"
HEAD = re.compile(struct.pack("<IIII", 6, 0, 0x48, 0))
NAME_AT, STYLE_AT, DISK_AT, LENGTH = 0x10, 0x24, 0x28, 0x38
"""From ``HEAD`` on."""
MBR, GPT = 1, 0
SIGNATURE = re.compile(r"[0-9a-f]{8}")


def is_clean(hive: bytes) -> bool:
    """Whether this is a hive without changes in a log that Windows would still apply to it."""
    return hive[:4] == HIVE and hive[4:8] == hive[8:12]


def rebind(hive: bytes, words: Mapping[str, str]) -> bytes:
    """The hive with old identifiers (keys of ``words``, lower case: GUIDs, disk signatures) exchanged."""
    guids = {_guid(old): _guid(new) for old, new in words.items() if _guid(old) and _guid(new)}
    signatures = {_signature(old): _signature(new) for old, new in words.items() if SIGNATURE.fullmatch(old)}
    result = bytearray(hive)
    for at in _elements(hive):
        style = struct.unpack_from("<I", hive, at + STYLE_AT)[0]
        if style == MBR:
            _exchange(result, at + DISK_AT, 4, signatures)
        elif style == GPT:
            _exchange(result, at + NAME_AT, 16, guids)
            _exchange(result, at + DISK_AT, 16, guids)
    return bytes(result)


def _elements(hive: bytes) -> Iterator[int]:
    for match in HEAD.finditer(hive):
        if match.start() + LENGTH <= len(hive):
            yield match.start()


def _exchange(hive: bytearray, at: int, length: int, words: Mapping[bytes, bytes]) -> None:
    old = bytes(hive[at : at + length])
    hive[at : at + length] = words.get(old, old)


def _guid(text: str) -> bytes:
    try:
        return uuid.UUID(text).bytes_le if len(text) == len(str(uuid.UUID(int=0))) else b""
    except ValueError:
        return b""


def _signature(text: str) -> bytes:
    return struct.pack("<I", int(text, 16))

"""What may stand in a header, as docs/dev/image-format.md says it.

No I/O, and nothing of JSON: the header's fields have their types already. Writers and readers both ask
here, so nothing is signed that would be refused. Where partitions may lie is the label's own knowledge.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from initramfs.imaging.errors import LabelError, ManifestError
from initramfs.imaging.format.chunk import MAX_CHUNK, MIN_CHUNK
from initramfs.imaging.format.header import ANY, Header, Kind
from initramfs.imaging.label.model import Bare, Label, LabelType, PartitionNumber, plain_number
from initramfs.messages import IMAGE_NAME

MAX_TEXT = 4096
"""Characters (Unicode code points) of a text."""
MAX_NUMBER = (1 << 63) - 1
"""The largest of those that have no other bound."""
MAX_DATE = 253402300799
"""The last second of the year 9999."""
MAX_GENERATION = 999_999_999
GPT_NAME = 36
"""UTF-16 code units of a partition's name."""

Allowed = Callable[[Any], object]
"""Whether a value may be there: true or false."""
Rules = Mapping[str, Allowed]


def within(first: int, last: int) -> Allowed:
    """Numbers from ``first`` to ``last``."""
    return range(first, last + 1).__contains__


def one_of(*values: object) -> Allowed:
    """Nothing but these."""
    return values.__contains__


def matching(pattern: str) -> Allowed:
    """Texts of this form."""
    return re.compile(pattern).fullmatch


def is_empty(value: object) -> bool:
    """What this kind of table does not have."""
    return not value


def is_text(value: str) -> bool:
    """Whether any reader can hold it: half a surrogate pair is no character."""
    return len(value) <= MAX_TEXT and not re.search("[\ud800-\udfff]", value)


def is_gpt_name(value: str) -> bool:
    """Whether a GPT's entry has room for it."""
    return is_text(value) and len(value.encode("utf-16-le")) <= 2 * GPT_NAME


MAX_FACTS = 64
"""Of a file system."""

FACT_NAME = matching("[a-z0-9][a-z0-9_]{0,62}")
MBR_ID = matching("[0-9a-f]{8}")
GUID = matching("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")

HEADER: Rules = {
    "name": IMAGE_NAME.fullmatch,
    "generation": within(1, MAX_GENERATION),
    "sector_size": one_of(512, 1024, 2048, 4096),
    "size": within(1, MAX_NUMBER),
    "chunk_size": one_of(*(1 << n for n in range(63) if MIN_CHUNK <= 1 << n <= MAX_CHUNK)),
    "description": is_text,
    "origin": is_text,
    "user": is_text,
    "date": within(0, MAX_DATE),
}
FILESYSTEM: Rules = {
    "type": is_text,
    "uuid": is_text,
    "label": is_text,
}
MBR: Rules = {
    "number": within(1, MAX_NUMBER),
    "type": matching("[0-9a-f]|[1-9a-f][0-9a-f]"),
    "name": is_empty,
    "attrs": is_empty,
}
GPT: Rules = {
    "number": within(1, MAX_NUMBER),
    "type": GUID,
    "uuid": GUID,
    "name": is_gpt_name,
    "attrs": within(0, (1 << 64) - 1),
    "bootable": is_empty,
}


def check_header(header: Header) -> None:
    """Check every field of a header. Raises ManifestError for what no image can have."""
    _obey(HEADER, header, "")
    for number, warning in enumerate(header.warnings):
        _must(is_text(warning), warning, f"warnings[{number}]")
    _must(header.size % header.sector_size == 0, header.size, f"size, in sectors of {header.sector_size}")
    _must(header.kind is Kind.DISK or header.label is None, header.kind.value, "kind, with a label")
    _must(not header.is_raw or not header.filesystems, len(header.filesystems), "file systems of a raw disk")
    if header.label is None:
        _must(header.firmware == ANY, str(header.firmware), "firmware without a label")
    else:
        _check_label(header.label, header.size, header.sector_size)
    _check_filesystems(header)


def _check_label(label: Label, size: int, sector_size: int) -> None:
    is_mbr = label.type is LabelType.MBR
    _must((MBR_ID if is_mbr else GUID)(label.id), label.id, "label.id")
    for part in label.partitions:
        where = f"partition {part.number}: "
        _obey(MBR if is_mbr else GPT, part, where)
        if is_mbr:
            _must(part.uuid == f"{label.id}-{part.number:02x}", part.uuid, f"{where}uuid")
    try:
        label.check(size, sector_size)
    except LabelError as error:
        raise ManifestError(f"the manifest's label is wrong: {error.message}") from error


def _check_filesystems(header: Header) -> None:
    """At most one in each partition, and as large as that."""
    sizes: dict[PartitionNumber, int] = {Bare.BARE: header.size}
    if header.label is not None:
        sizes = {area.number: area.size for area in header.label.areas}
    for found in header.filesystems:
        number = plain_number(found.partition)
        _must(found.partition in sizes, number, "file system's partition: there is none, or it has one")
        where, size = f"file system in {found.partition}: ", sizes.pop(found.partition)
        _obey(FILESYSTEM, found, where)
        _must(found.size == size, found.size, f"{where}size")
        _must(0 <= found.used <= size, found.used, f"{where}used")
        _must(0 < found.minimal <= size, found.minimal, f"{where}minimal")
        _check_facts(found.facts or {}, where)


def _check_facts(facts: Mapping[str, int], where: str) -> None:
    _must(len(facts) <= MAX_FACTS, len(facts), f"{where}number of facts")
    for name, value in facts.items():
        _must(FACT_NAME(name), name, f"{where}name of a fact")
        _must(0 <= value <= MAX_NUMBER, value, f"{where}{name}")


def _obey(rules: Rules, value: object, where: str) -> None:
    for name, allowed in rules.items():
        found = getattr(value, name)
        _must(allowed(found), found, f"{where}{name}")


def _must(holds: object, found: object, where: str) -> None:
    if not holds:
        raise ManifestError(f"the manifest has {found!r:.60} as {where}")

"""Where the logical volumes of LVM lie on a physical volume, as its own metadata says. No I/O.

So a volume can be used without activating its group: nothing is scanned, no other disk's group of the same
name is in the way, and the group is not changed. What is more than pieces in a row (thin, cached, mirrored,
striped, with snapshots) is only named: written to past its owner, it would be destroyed. For the format see
lib/format_text in the sources of LVM2, and the metadata itself, which is text.
"""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from initramfs.imaging.errors import LabelError
from initramfs.imaging.label.model import Bounds, Reader

SECTOR = 512
LABEL_SECTORS = 4
"""The label is in one of the first four."""
LABEL = struct.Struct("<8sQII8s")
HEADER = struct.Struct("<32sQ")
"""Of the physical volume: its identifier and size. Behind it two lists of places, each ended by zeros."""
PLACE = struct.Struct("<QQ")
AREA = struct.Struct("<I16sIQQ")
"""Of a metadata area: checksum, magic, version, start, size. Behind it where the text is."""
TEXT = struct.Struct("<QQII")
IGNORED = 1
MAGIC = b" LVM2 x[5A%r0N*>"
INITIAL_CRC = 0xF597A6CF
LARGEST = 16 << 20
"""Bytes of metadata that are read."""

TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[A-Za-z0-9_.+-]+|[{}\[\]=,]')
COMMENT = re.compile(r'("(?:[^"\\]|\\.)*")|#[^\n]*')

Section = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Volume:
    """A logical volume: its pieces on the physical volume, in bytes; or ``why`` it is out of reach."""

    name: str
    pieces: tuple[Bounds, ...] = ()
    why: str = ""

    @property
    def size(self) -> int:
        """Bytes."""
        return sum(piece.size for piece in self.pieces)


@dataclass(frozen=True, slots=True)
class VolumeGroup:
    """A volume group, and those of its volumes that are seen by people, in the order of their names."""

    name: str
    volumes: tuple[Volume, ...]


def volume_group(read: Reader, size: int) -> VolumeGroup:
    """The group that the physical volume of ``size`` bytes belongs to; ``read`` starts at it.

    Raises LabelError: it belongs to none, or its metadata is damaged.
    """
    try:
        identifier, areas = _physical_volume(read)
        text = next(filter(None, (_text(read, *area) for area in areas)), "")
        found = _parse(text)
        name, group = next((key, value) for key, value in found.items() if isinstance(value, dict))
        return VolumeGroup(name, tuple(sorted(_volumes(group, identifier, size), key=lambda one: one.name)))
    except StopIteration as error:
        raise LabelError(
            "the LVM physical volume belongs to no volume group", "look at it with pvs"
        ) from error
    except (
        struct.error,
        KeyError,
        ValueError,
        IndexError,
        AttributeError,
        TypeError,
        RecursionError,
    ) as error:
        raise LabelError(f"the LVM metadata makes no sense: {error!r}", "look at it with vgck") from error


def _physical_volume(read: Reader) -> tuple[str, list[tuple[int, int]]]:
    """Its identifier, and where its metadata areas are."""
    for sector in range(LABEL_SECTORS):
        head = read(sector * SECTOR, SECTOR)
        magic, _, _, at, kind = LABEL.unpack_from(head)
        if (magic, kind) == (b"LABELONE", b"LVM2 001"):
            identifier = HEADER.unpack_from(head, at)[0].decode("ascii")
            lists = head[at + HEADER.size :]
            places = list(PLACE.iter_unpack(lists[: len(lists) // PLACE.size * PLACE.size]))
            end = places.index((0, 0))  # of the areas for data; those for metadata follow
            return identifier, places[end + 1 : places.index((0, 0), end + 1)]
    raise ValueError("no label")


def _text(read: Reader, start: int, size: int) -> str:
    """The metadata in an area; empty if it holds none. Raises ValueError if it is damaged."""
    head = read(start, SECTOR)
    magic = AREA.unpack_from(head)[1]
    at, length, checksum, flags = TEXT.unpack_from(head, AREA.size)
    if magic != MAGIC or not at or flags & IGNORED:
        return ""
    if length > min(size, LARGEST):
        raise ValueError(f"{length} bytes of text")
    behind = max(at + length - size, 0)  # the text goes round: from the end on behind the head
    data = read(start + at, length - behind) + read(start + SECTOR, behind)
    if zlib.crc32(data, INITIAL_CRC ^ 0xFFFFFFFF) ^ 0xFFFFFFFF != checksum:
        raise ValueError("its checksum is wrong")
    return data.rstrip(b"\0").decode()


def _volumes(group: Section, identifier: str, size: int) -> Iterator[Volume]:
    unit = int(group["extent_size"]) * SECTOR
    physical = group["physical_volumes"]
    ours = next(name for name, pv in physical.items() if pv["id"].replace("-", "") == identifier)
    first = int(physical[ours]["pe_start"]) * SECTOR
    volumes: Section = group.get("logical_volumes", {})
    origins = {segment.get("origin") for volume in volumes.values() for segment in _segments(volume)}
    for name, volume in volumes.items():
        if "VISIBLE" not in volume["status"]:
            continue
        segments = _segments(volume)
        why = next(filter(None, (_why_not(segment, ours) for segment in segments)), "")
        if name in origins:
            why = "it has snapshots"
        elif "WRITE" not in volume["status"]:
            why = "it is read-only"
        if why:
            yield Volume(name, why=why)
            continue
        places = [
            Bounds(first + int(segment["stripes"][1]) * unit, int(segment["extent_count"]) * unit)
            for segment in segments
        ]
        if any(place.start < max(first, 0) or place.size <= 0 or place.end > size for place in places):
            raise ValueError(f"{name} lies outside of the physical volume")
        yield Volume(name, tuple(_joined(places)))


def _segments(volume: Section) -> list[Section]:
    found = [value for key, value in volume.items() if key.startswith("segment") and isinstance(value, dict)]
    return sorted(found, key=lambda segment: int(segment["start_extent"]))


def _why_not(segment: Section, ours: str) -> str:
    """Why a segment is more than a piece of this physical volume, in words; empty if it is one."""
    if segment["type"] != "striped":
        return f"it is of the type {segment['type']}"
    if int(segment["stripe_count"]) != 1:
        return "it is striped"
    return "" if segment["stripes"][0] == ours else "a part of it is on another disk"


def _joined(places: list[Bounds]) -> Iterator[Bounds]:
    """The same with neighbours made one."""
    current: Bounds | None = None
    for place in places:
        if current is not None and current.end == place.start:
            current = Bounds(current.start, current.size + place.size)
            continue
        if current is not None:
            yield current
        current = place
    if current is not None:
        yield current


def _parse(text: str) -> Section:
    """LVM's configuration format, see lvm.conf(5). Values are texts, numbers too, or lists of them."""
    tokens = TOKEN.findall(COMMENT.sub(lambda match: match[1] or "", text))
    tokens.reverse()
    return _section(tokens, "")


def _section(tokens: list[str], end: str) -> Section:
    found: Section = {}
    while tokens and tokens[-1] != end:
        key, mark = tokens.pop(), tokens.pop()
        found[key] = _section(tokens, "}") if mark == "{" else _value(tokens)
    if end:
        tokens.pop()
    return found


def _value(tokens: list[str]) -> str | list[str]:
    if tokens[-1] != "[":
        return _plain(tokens.pop())
    items = []
    tokens.pop()
    while (item := tokens.pop()) != "]":
        if item != ",":
            items.append(_plain(item))
    return items


def _plain(token: str) -> str:
    return re.sub(r"\\(.)", r"\1", token[1:-1]) if token.startswith('"') else token

"""What a manifest says about an image, and its canonical JSON.

No I/O. Reading is strict: version 1 has exactly these fields, and the JSON
must be byte for byte what :func:`encode_header` makes of it, so that an image has one
digest. Which values they may have is for ``rules`` to say. All offsets and sizes are
bytes, times seconds since the epoch.
"""

from __future__ import annotations

import json
import re
import types
from dataclasses import asdict, dataclass, fields, is_dataclass
from enum import StrEnum
from typing import Any, NoReturn, Union, get_args, get_origin, get_type_hints

from initramfs.imaging.errors import ManifestError
from initramfs.imaging.label.model import Label

VERSION = 1
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,99}", re.ASCII)
"""Of an image: it becomes a folder's name and part of a URL."""
EXTRA = {"version", "index_count"}


class Kind(StrEnum):
    """What an image is an image of."""

    DISK = "disk"
    PARTITION = "partition"


class Firmware(StrEnum):
    """Which firmware can start a disk with this image."""

    BIOS = "bios"
    UEFI = "uefi"
    ANY = "any"


@dataclass(frozen=True, slots=True)
class Filesystem:
    """One file system, sizes in bytes.

    Attributes:
        partition: its number, 0 in an image of a bare one.
        type: like ``uuid`` and ``label`` as blkid names them.
        size: of the partition.
        used: kept of it.
        minimal: of the smallest partition that holds the file system as it is.
    """

    partition: int
    type: str
    uuid: str
    label: str
    size: int
    used: int
    minimal: int


@dataclass(frozen=True, slots=True)
class Header:
    """The description of an image.

    Attributes:
        name: in CloneSys style, ``sda5_Debian``.
        generation: from 1.
        kind: disk or partition.
        sector_size: logical, of the disk it was taken from; it fits no other.
        size: of the disk or partition.
        chunk_size: the grid's, a power of two.
        firmware: who can start it.
        label: of a disk image.
        filesystems: what was found, for people and for later steps (grow, personalise).
        description: for people, like ``origin`` (where from) and ``user`` (who).
        origin: the host and device.
        user: a name.
        date: of the capture.
        warnings: what was overridden by force when it was captured, and what was left out on request.
    """

    name: str
    generation: int
    kind: Kind
    sector_size: int
    size: int
    chunk_size: int
    firmware: Firmware = Firmware.ANY
    label: Label | None = None
    filesystems: tuple[Filesystem, ...] = ()
    description: str = ""
    origin: str = ""
    user: str = ""
    date: int = 0
    warnings: tuple[str, ...] = ()


def encode_header(header: Header, index_count: int) -> bytes:
    """Canonical JSON: keys sorted, no spaces, ASCII."""
    value = asdict(header) | {"version": VERSION, "index_count": index_count}
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


def decode_header(data: bytes) -> tuple[Header, int]:
    """The header, not checked, and the number of index records it announces. Raises ManifestError."""
    value = _load(data)
    _must(isinstance(value, dict), "a header that is no object")
    version = value.get("version")
    if version != VERSION:
        raise ManifestError(
            f"the manifest is of version {version!r:.20}, this program reads version {VERSION}",
            "update this program",
        )
    count = _convert(int, value.get("index_count"), "index_count")
    header: Header = _convert(Header, {k: v for k, v in value.items() if k not in EXTRA}, "header")
    _must(encode_header(header, count) == data, "a header that is not canonical JSON")
    return header, count


def _load(data: bytes) -> Any:
    def refuse(what: str) -> NoReturn:
        raise ManifestError(f"the manifest's header holds {what:.20}")

    try:
        return json.loads(data, parse_constant=refuse, parse_float=refuse)
    except (ValueError, RecursionError) as error:
        raise ManifestError("the manifest's header is not JSON") from error


def _convert(kind: Any, value: Any, where: str) -> Any:
    if get_origin(kind) in (Union, types.UnionType):
        (inner,) = (option for option in get_args(kind) if option is not type(None))
        return None if value is None else _convert(inner, value, where)
    if get_origin(kind) is tuple:
        _must(isinstance(value, list), f"no list in {where}")
        return tuple(_convert(get_args(kind)[0], item, f"{where}[{i}]") for i, item in enumerate(value))
    if is_dataclass(kind):
        _must(isinstance(value, dict), f"no object in {where}")
        hints = get_type_hints(kind)
        names = [field.name for field in fields(kind)]
        _must(set(value) == set(names), f"other fields than expected in {where}")
        made: Any = kind
        return made(**{name: _convert(hints[name], value[name], f"{where}.{name}") for name in names})
    return _scalar(kind, value, where)


def _scalar(kind: Any, value: Any, where: str) -> Any:
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        _must(isinstance(value, str) and value in list(kind), f"{value!r:.40} in {where}")
        return kind(value)
    _must(type(value) is kind, f"{value!r:.40} in {where}")
    return value


def _must(holds: bool, found: str) -> None:  # noqa: FBT001 - an assertion's first argument
    if not holds:
        raise ManifestError(f"the manifest has {found}")

"""What a manifest says about an image, and its canonical JSON.

No I/O. Reading is strict: a version has exactly its fields, and the JSON
must be byte for byte what :func:`encode_header` makes of it, so that an image has one
digest. Which values they may have is for ``rules`` to say. All offsets and sizes are
bytes, times seconds since the epoch.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, Literal

from initramfs.imaging.errors import ManifestError
from initramfs.imaging.label.model import Label, PartitionNumber
from initramfs.messages.codec import MessageError, canonical, from_plain, parse, to_plain
from initramfs.messages.machine import Firmware

VERSION = 2
BEFORE = 1
"""Has no facts of file systems, and no raw disks. Still written where it says all: any reader takes it."""
EXTRA = {"version", "index_count"}


class Kind(StrEnum):
    """What an image is an image of."""

    DISK = "disk"
    PARTITION = "partition"


ANY: Final = "any"
StartsWith = Firmware | Literal["any"]
"""Which firmware can start a disk with this image."""


@dataclass(frozen=True, slots=True)
class Filesystem:
    """One file system, sizes in bytes.

    Attributes:
        partition: its number; ``Bare`` in an image of one partition.
        type: like ``uuid`` and ``label`` as blkid names them.
        size: of the partition.
        used: kept of it.
        minimal: of the smallest partition that holds the file system as it is.
        facts: what decides later what can be done with it; their names and meanings are in ``facts``. None
            where nothing was recorded, as in every image of version 1.
    """

    partition: PartitionNumber
    type: str
    uuid: str
    label: str
    size: int
    used: int
    minimal: int
    facts: dict[str, int] | None = None

    def fact(self, name: str) -> int | None:
        """The value of one; None: not recorded, so that nothing follows from it."""
        return (self.facts or {}).get(name)


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
        label: of a disk image; None of one that was kept as one piece, without looking into it (``raw``).
        filesystems: what was found; growing and personalising rely on it.
        description: what its maker says of it.
        origin: the host and device that it was captured from.
        user: who captured it.
        date: of the capture.
        warnings: what was overridden by force when it was captured, and what was left out on request.
    """

    name: str
    generation: int
    kind: Kind
    sector_size: int
    size: int
    chunk_size: int
    firmware: StartsWith = ANY
    label: Label | None = None
    filesystems: tuple[Filesystem, ...] = ()
    description: str = ""
    origin: str = ""
    user: str = ""
    date: int = 0
    warnings: tuple[str, ...] = ()

    @property
    def is_raw(self) -> bool:
        """Whether it is a whole device that was kept as one piece."""
        return self.kind is Kind.DISK and self.label is None


def encode_header(header: Header, index_count: int) -> bytes:
    """Canonical JSON: keys sorted, no spaces, ASCII."""
    plain = to_plain(header)
    version = VERSION if header.is_raw or any(f.facts is not None for f in header.filesystems) else BEFORE
    if version == BEFORE:
        for found in plain["filesystems"]:
            del found["facts"]
    return canonical(plain | {"version": version, "index_count": index_count})


def decode_header(data: bytes) -> tuple[Header, int]:
    """The header, not checked, and the number of index records it announces. Raises ManifestError."""
    try:
        value = from_plain(dict[str, Any], parse(data, "header"), "header")
        if (version := value.get("version")) not in (BEFORE, VERSION):
            raise ManifestError(
                f"the manifest is of version {version!r:.20}, this program reads versions up to {VERSION}",
                "update this program",
            )
        count = from_plain(int, value.get("index_count"), "index_count")
        fields = {name: item for name, item in value.items() if name not in EXTRA}
        if version == BEFORE:
            fields["filesystems"] = _without_facts(fields.get("filesystems"))
        header = from_plain(Header, fields, "header", strict=True)
    except MessageError as error:
        raise ManifestError(f"the manifest's {error}") from error
    if encode_header(header, count) != data:
        raise ManifestError("the manifest's header is not canonical JSON")
    return header, count


def _without_facts(filesystems: Any) -> Any:
    """The list as version 2 has it; what is no list of objects is left for the codec to refuse."""
    if not isinstance(filesystems, list):
        return filesystems
    return [{"facts": None} | found if isinstance(found, dict) else found for found in filesystems]

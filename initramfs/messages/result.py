"""How a job ended, and what it proved. Sizes are bytes."""

from __future__ import annotations

from dataclasses import dataclass, field

from initramfs.messages.job import ImageRef, Place


@dataclass(frozen=True, slots=True)
class ProvedImage:
    """One image on a disk, as it was proved. ``number`` is its partition's, or says: the whole disk.

    An image that was laid into several partitions has in each of its entries the counts of all together.
    """

    number: Place
    image: ImageRef
    chunks_total: int = 0
    chunks_verified: int = 0
    chunks_fetched: int = 0
    bytes_fetched: int = 0
    bytes_written: int = 0
    bytes_skipped: int = 0


@dataclass(frozen=True, slots=True)
class Receipt:
    """What was proved: which disk now carries which images, and what it took (bytes; seconds per step).

    Whose disk that is, says the :class:`Statement` around it. ``bytes_skipped`` were right already;
    ``bytes_discarded`` is what the disk was told to be unused.
    """

    disk_name: str
    disk_serial: str
    disk_wwn: str
    images: tuple[ImageRef, ...]
    chunks_total: int
    chunks_verified: int
    bytes_fetched: int
    bytes_written: int
    seconds: dict[str, float] = field(default_factory=dict)
    chunks_fetched: int = 0
    bytes_skipped: int = 0
    bytes_read: int = 0
    bytes_discarded: int = 0
    disk_size: int = 0
    carried: tuple[ProvedImage, ...] = ()


@dataclass(frozen=True, slots=True)
class Result:
    """How a job ended. ``error`` says what was found, ``hint`` what to do."""

    ok: bool
    error: str = ""
    hint: str = ""
    receipt: Receipt | None = None


@dataclass(frozen=True, slots=True)
class Statement:
    """What a host signs at the end: the result, and of which attempt. It is good for that one alone."""

    host: str
    job: int
    attempt: int
    result: Result

"""How a job ended, and what it proved. Sizes are bytes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated

from initramfs.messages.codec import Most
from initramfs.messages.job import ImageRef, Place
from initramfs.messages.machine import Words
from initramfs.messages.reports import MAX_TEXT

MAX_IMAGES = 1024
"""Images on one disk; a GPT has 128 partitions as a rule."""


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

    disk_name: Words
    disk_serial: Words
    disk_wwn: Words
    images: Annotated[tuple[ImageRef, ...], Most(MAX_IMAGES)]
    chunks_total: int
    chunks_verified: int
    bytes_fetched: int
    bytes_written: int
    seconds: Annotated[dict[str, float], Most(1024)] = field(default_factory=dict)
    chunks_fetched: int = 0
    bytes_skipped: int = 0
    bytes_read: int = 0
    bytes_discarded: int = 0
    disk_size: int = 0
    carried: Annotated[tuple[ProvedImage, ...], Most(MAX_IMAGES)] = ()


@dataclass(frozen=True, slots=True)
class Result:
    """How a job ended. ``error`` says what was found, ``hint`` what to do."""

    ok: bool
    error: Annotated[str, Most(MAX_TEXT)] = ""
    hint: Annotated[str, Most(MAX_TEXT)] = ""
    receipt: Receipt | None = None


@dataclass(frozen=True, slots=True)
class Statement:
    """What a host signs at the end: the result, and of which attempt. It is good for that one alone."""

    host: Words
    job: int
    attempt: int
    result: Result

"""Sizes, durations and partitions as people write and read them, the same everywhere.

Pure, and loads next to nothing: commands that start quickly use it too.
"""

from __future__ import annotations

import re
import time

from initramfs.messages.job import Last

_UNITS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12}
_UNITS |= {"ki": 2**10, "mi": 2**20, "gi": 2**30, "ti": 2**40}
_SIZE = re.compile(r"(\d+)\s*([kmgt]i?|)b?", re.IGNORECASE)
_PARTITION = re.compile(r"[a-z]*?(?:\d+[a-z]\d+p|\d+p)?(\d{1,4})")
MAX_PARTITION = 1024
"""As many entries as the largest GPT that is read has; most have 128."""


def parse_size(value: int | str) -> int:
    """Bytes from a number or a text like ``"20 GB"`` or ``"16GiB"``. Raises ValueError for anything else."""
    if isinstance(value, int):
        return value
    match = _SIZE.fullmatch(value.strip())
    if not match:
        raise ValueError(f"{value!r} is no size, write bytes or a text like '20 GB' or '16 GiB'")
    return int(match[1]) * _UNITS[match[2].lower()]


def parse_partition(text: str | int) -> int:
    """The number in ``5``, ``sda5``, ``nvme0n1p5``. Raises ValueError for anything else."""
    match = _PARTITION.fullmatch(str(text))
    number = int(match[1]) if match else 0
    if not 1 <= number <= MAX_PARTITION:
        raise ValueError(f"{text!r} names no partition, write its number (5) or its device (sda5)")
    return number


def parse_grow(value: int | str) -> int | Last | None:
    """The partition to grow: its number, ``Last.LAST`` for "last", None for "none". Raises ValueError."""
    if value in ("last", "none"):
        return Last.LAST if value == "last" else None
    try:
        return parse_partition(str(value))
    except ValueError:
        raise ValueError(f"{value!r} cannot be grown, write 'last', 'none' or a partition's number") from None


def binary(count: float) -> str:
    """Bytes for people, in powers of 1024: ``1536`` is ``1.5 KiB``."""
    for unit in ("B", "KiB", "MiB", "GiB"):
        if count < 1023.95:  # noqa: PLR2004 - where rounding would show 1024
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1024
    return f"{count:.1f} TiB"


def clock(at: float | None) -> str:
    """A time for people, in local time; empty for None. What no calendar has (1e18) is shown as it is."""
    if at is None:
        return ""
    try:
        return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(at))
    except (OverflowError, ValueError, OSError):
        return f"{at:.0f} s"


def duration(seconds: float) -> str:
    """``3725`` as ``1 h 02 min``."""
    whole = round(seconds)
    if whole < 60:  # noqa: PLR2004 - a minute
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:  # noqa: PLR2004 - an hour
        return f"{minutes} min {rest:02} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02} min"

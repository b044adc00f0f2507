"""Text of machines, images and networks, made fit to be kept and shown: in a log, on a terminal, in a page.

What a machine tells of itself may hold anything: line ends that forge entries of a log, escapes that steer a
terminal, marks that turn the direction of writing, halves of characters that no file can hold, megabytes.
"""

from __future__ import annotations

import re

_STEERING = re.compile(
    r"[^\S ]|[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ud800-\udfff]"
)
"""White space but the blank, controls (C0, C1), what is invisible or turns the direction, half characters."""
_BETWEEN_LINES = "\n"


def line(text: str, most: int = 255) -> str:
    """One line of at most ``most`` characters; what would steer or break it appears as its escape."""
    shown = _STEERING.sub(_escape, text[: most + 1])
    return shown if len(shown) <= most else f"{shown[: most - 1]}…"


def lines(text: str, most: int) -> str:
    """The same with its line ends, for what programs say in several lines."""
    kept = text if len(text) <= most else f"{text[: most - 1]}…"
    return _BETWEEN_LINES.join(
        _STEERING.sub(_escape, part.replace("\t", " ")) for part in kept.split(_BETWEEN_LINES)
    )


def _escape(found: re.Match[str]) -> str:
    return found[0].encode("unicode_escape").decode("ascii")

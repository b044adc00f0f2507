"""Text that came with an image, a disk or the network, for terminals and messages.

A file's name or content may be anything: what steers a terminal, and bytes that are no text (which no message
can hold), appear as their escapes.
"""

from __future__ import annotations


def plain(text: str) -> str:
    """``text`` with everything but what can be printed, and ends of lines, as escapes."""
    return "".join(c if c.isprintable() or c == "\n" else c.encode("unicode_escape").decode() for c in text)

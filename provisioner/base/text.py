"""Text of machines, images and networks, made fit to be kept and shown: in a log, on a terminal, in a page.

What a machine tells of itself may hold anything: line ends that forge entries of a log, escapes that steer a
terminal, marks that turn the direction of writing, halves of characters that no file can hold, megabytes.
"""

from __future__ import annotations


def line(text: str, most: int = 255) -> str:
    """One line of at most ``most`` characters; what would steer or break it appears as its escape."""
    shown = _readable(text[: most + 1])
    return shown if len(shown) <= most else f"{shown[: most - 1]}…"


def lines(text: str, most: int) -> str:
    """The same with its line ends, for what programs say in several lines."""
    kept = text if len(text) <= most else f"{text[: most - 1]}…"
    return "\n".join(_readable(part.replace("\t", " ")) for part in kept.split("\n"))


def _readable(text: str) -> str:
    """Without controls, invisible marks, halves and private characters: str.isprintable() knows them."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)

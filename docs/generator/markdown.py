"""Markdown from texts. Pure, and knows nothing of what the texts say."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence


def code(text: str) -> str:
    """A text as code."""
    return f"`{text}`"


def bounds(low: object, high: object) -> str:
    """What a number is bound to, to stand behind what it is; None for what is open."""
    if low is None or high is None:
        return f", at least {low}" if low is not None else f", at most {high}" if high is not None else ""
    return f", {low} to {high}"


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """The lines of a table, with an empty one behind it; none at all without rows."""
    lines = [_row(cells) for cells in rows]
    if lines:
        yield from (_row(heads), _row(["---"] * len(heads)), *lines, "")


def page(lines: Iterable[str]) -> str:
    """A file of these lines, with one newline at its end."""
    return "\n".join(lines).rstrip("\n") + "\n"


def _row(cells: Sequence[str]) -> str:
    # A bar separates cells even inside of code; a newline would end the table.
    return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"

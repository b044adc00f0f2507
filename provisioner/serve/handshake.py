"""What a part says to its supervisor when it starts: one line of JSON through a pipe. A leaf.

Either that it is ready, with where it serves, or why it cannot be.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Word:
    """``where`` maps services to addresses for people; an ``error`` is never empty unless all is well."""

    where: dict[str, str] = field(default_factory=dict)
    error: str = ""
    hint: str = ""


def say(descriptor: int, word: Word) -> None:
    """Send the one line and close the pipe. A supervisor that is gone no longer listens, and that is fine."""
    line = json.dumps({"where": word.where, "error": word.error, "hint": word.hint}) + "\n"
    try:
        os.write(descriptor, line.encode())
    except BrokenPipeError:
        return
    finally:
        os.close(descriptor)


def heard(line: bytes) -> Word:
    """The word in a line. An empty line means that the part ended without one."""
    if not line.strip():
        return Word(error="it said nothing")
    return Word(**json.loads(line))

"""What happens in a job while it runs, as a stream of events. Times are seconds since the epoch."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Final

from initramfs.messages.codec import Most

FIRST_WRITE: Final = "prepare"
"""The name of the step in which a disk is first written to: what it carried before is no longer proved."""

MAX_REPORTS: Final = 500
"""Reports of one batch: minutes of work, and written in one short transaction."""
MAX_TITLE: Final = 255
"""Characters of a step's title."""
MAX_TEXT: Final = 16 << 10
"""Characters of what a step tells: a tool's last words, not its whole output."""


class StepState(StrEnum):
    """The life of a step; PROGRESS may come any number of times, LOG carries a line of text."""

    PLANNED = "planned"
    STARTED = "started"
    PROGRESS = "progress"
    LOG = "log"
    FINISHED = "finished"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Report:
    """One event of a job. ``step`` is the step's short name (``write``), ``title`` what is shown of it.

    ``done``/``total`` are bytes for steps that move bytes, else 0.
    """

    sequence: int
    at: float
    step: Annotated[str, Most(63)]
    state: StepState
    title: Annotated[str, Most(MAX_TITLE)] = ""
    detail: Annotated[str, Most(MAX_TEXT)] = ""
    done: int = 0
    total: int = 0


@dataclass(frozen=True, slots=True)
class Reports:
    """A batch of reports, oldest first."""

    reports: Annotated[tuple[Report, ...], Most(MAX_REPORTS)]

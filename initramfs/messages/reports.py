"""What happens in a job while it runs, as a stream of events. Times are seconds since the epoch."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

FIRST_WRITE: Final = "prepare"
"""The name of the step in which a disk is first written to: what it carried before is no longer proved."""


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
    step: str
    state: StepState
    title: str = ""
    detail: str = ""
    done: int = 0
    total: int = 0


@dataclass(frozen=True, slots=True)
class Reports:
    """A batch of reports, oldest first."""

    reports: tuple[Report, ...]

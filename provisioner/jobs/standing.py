"""What is known of a job and what is not yet: agents that are silent, machines that have not started since.

Pure; pages and command line show this and decide nothing. *Succeeded* speaks of a disk: written, read back,
proved. That the system on it is *up* is another fact, which only that system makes true, by phoning home.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from initramfs.messages import Action, After
from provisioner.base.config import Contact
from provisioner.base.units import duration
from provisioner.jobs.heartbeat import silent_since
from provisioner.jobs.life import JobState
from provisioner.jobs.views import HostView, JobView

WRITING = frozenset({Action.INITINSTALL.value, Action.RESTORE.value})
"""Actions after which a system should start."""
STAYING = {After.POWEROFF.value: ", then switched off", After.SHELL.value: ", then left at a shell"}
"""What follows a job without a start that could be late."""
DAY = 24 * 3600.0


class FirstStart(StrEnum):
    """Whether what a job has written is up: UNKNOWN stays so, as it will not phone home."""

    UP = "up"
    WAITING = "waiting"
    OVERDUE = "overdue"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Standing:
    """What to say beside a job's state. ``raised``: a person should look at it.

    ``silent``: the time of an agent's last report, if the next ones are missing. ``start`` is None for jobs
    after which nothing starts.
    """

    note: str = ""
    hint: str = ""
    raised: bool = False
    silent: float | None = None
    start: FirstStart | None = None


@dataclass(frozen=True, slots=True)
class Trouble:
    """A host that a person should look at, and why."""

    host: str
    job: int
    what: str
    hint: str


def standing(job: JobView, now: float, policy: Contact) -> Standing:
    """What is known of ``job`` now, and what is missing."""
    silent = silent_since(job.state, job.heard, now)
    if silent is not None:
        return Standing(
            f"no report since {_moment(silent, now)} ({duration(now - silent)})",
            "look at the machine's console; started from the network again, it goes on",
            raised=True,
            silent=silent,
        )
    if job.state is JobState.SUCCEEDED and job.action in WRITING and job.ended is not None:
        return _after_writing(job, job.ended, now, policy)
    return Standing()


def troubles(hosts: Iterable[HostView], now: float, policy: Contact) -> list[Trouble]:
    """What a person should look at: what failed first, then what is silent, then what has not started."""
    found = [(host.name, host.job, standing(host.job, now, policy)) for host in hosts if host.job]
    failed = {JobState.FAILED, JobState.INTERRUPTED}
    ended = (Trouble(name, job.id, job.error, job.hint) for name, job, _ in found if job.state in failed)
    return [*ended, *_raised(found, silent=True), *_raised(found, silent=False)]


def _raised(found: Iterable[tuple[str, JobView, Standing]], *, silent: bool) -> Iterator[Trouble]:
    for name, job, known in found:
        if known.raised and (known.silent is not None) is silent:
            yield Trouble(name, job.id, known.note, known.hint)


def _after_writing(job: JobView, ended: float, now: float, policy: Contact) -> Standing:
    written = f"written and proved {_moment(ended, now)}"
    if job.up is not None:
        return Standing(f"{written}, up {_moment(job.up, now)}", start=FirstStart.UP)
    if not job.latest:
        return Standing(f"{written}; another job has followed", start=FirstStart.UNKNOWN)
    if not _phones_home(job):
        note = f"{written}; whether it starts is not told: its profile asks for no phone_home"
        return Standing(note, start=FirstStart.UNKNOWN)
    stays = STAYING.get(job.document.get("after", ""))
    if stays or now - ended < policy.first_start_minutes * 60:
        return Standing(f"{written}{stays or ''}, waiting for its first start", start=FirstStart.WAITING)
    return Standing(
        f"{written}, has not started since: {duration(now - ended)}",
        "look at the machine's screen: its boot order, its boot loader, its network",
        raised=True,
        start=FirstStart.OVERDUE,
    )


def _phones_home(job: JobView) -> bool:
    person = job.document.get("work", {}).get("personalisation") or {}
    return bool(person.get("phone_home_url"))


def _moment(at: float, now: float) -> str:
    """A time of the last day by the clock on the wall; an earlier one with its date."""
    return time.strftime("%H:%M" if abs(now - at) < DAY else "%Y-%m-%d %H:%M", time.localtime(at))

"""What is said of a job beside its state: silence, and whether what was written has started."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import pytest

from provisioner.base.config import Contact
from provisioner.jobs.heartbeat import SILENT
from provisioner.jobs.life import JobState
from provisioner.jobs.standing import FirstStart, standing, troubles
from provisioner.jobs.views import HostView, JobView

NOON = time.mktime((2026, 3, 4, 12, 0, 0, 0, 0, -1))
POLICY = Contact(first_start_minutes=15)
HOME = {"after": "reboot", "work": {"personalisation": {"phone_home_url": "at contact"}}}
WRITTEN = JobView(
    7, "pc1", "class", "restore", JobState.SUCCEEDED, 1, NOON, NOON, NOON, NOON, "", "", (), None, HOME
)
RUNNING = replace(WRITTEN, state=JobState.RUNNING, ended=None)


@pytest.mark.parametrize(
    ("minutes", "changes", "start", "note"),
    [
        (2, {}, FirstStart.WAITING, "written and proved 12:00, waiting for its first start"),
        (23, {}, FirstStart.OVERDUE, "written and proved 12:00, has not started since: 23 min 00 s"),
        (3000, {}, FirstStart.OVERDUE, "2026-03-04 12:00, has not started since: 50 h 00 min"),
        (23, {"up": NOON + 120}, FirstStart.UP, "written and proved 12:00, up 12:02"),
        (23, {"document": HOME | {"after": "poweroff"}}, FirstStart.WAITING, "then switched off, waiting"),
        (23, {"document": HOME | {"after": "shell"}}, FirstStart.WAITING, "then left at a shell, waiting"),
        (23, {"document": {"work": {}}}, FirstStart.UNKNOWN, "whether it starts is not told"),
        (23, {"latest": False}, FirstStart.UNKNOWN, "another job has followed"),
        (23, {"action": "backup"}, None, ""),
        (23, {"state": JobState.FAILED}, None, ""),
    ],
)  # fmt: skip
def test_up_is_another_fact(
    minutes: int, changes: dict[str, Any], start: FirstStart | None, note: str
) -> None:
    """What was written is not up before it has said so; what is late is raised, and nothing else."""
    known = standing(replace(WRITTEN, **changes), NOON + minutes * 60, POLICY)
    assert known.start is start
    assert note in known.note
    assert bool(known.note) is bool(note)
    assert known.raised is (start is FirstStart.OVERDUE)


def test_a_silent_agent_is_told_with_the_time_of_its_last_report() -> None:
    """After a few reports that did not come; a stalled job at once; nothing of one that waits or ended."""
    assert standing(RUNNING, NOON + SILENT - 1, POLICY).note == ""
    known = standing(RUNNING, NOON + 185, POLICY)
    assert (known.note, known.silent, known.raised) == ("no report since 12:00 (3 min 05 s)", NOON, True)
    assert standing(replace(RUNNING, state=JobState.STALLED), NOON + 1, POLICY).raised
    for state in (JobState.QUEUED, JobState.FAILED, JobState.CANCELLED, JobState.INTERRUPTED):
        assert standing(replace(RUNNING, state=state), NOON + 9999, POLICY).note == ""


def test_troubles_come_in_the_order_of_their_weight() -> None:
    """What failed, with its reason; what is silent; what has not started. What is well is not among them."""
    jobs = {
        "late": WRITTEN,
        "well": replace(WRITTEN, up=NOON),
        "silent": RUNNING,
        "bad": replace(WRITTEN, state=JobState.FAILED, error="no disk", hint="look"),
        "new": None,
    }
    hosts = [
        HostView(name, (), (), "", "", "", "", "local", None, None, "", None, job)
        for name, job in jobs.items()
    ]
    found = troubles(hosts, NOON + 3600, POLICY)
    assert [(trouble.host, trouble.what) for trouble in found] == [
        ("bad", "no disk"),
        ("silent", "no report since 12:00 (1 h 00 min)"),
        ("late", "written and proved 12:00, has not started since: 1 h 00 min"),
    ]
    assert all(trouble.hint for trouble in found)

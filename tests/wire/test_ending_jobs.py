"""Ending what machines are at: asked or refused first, said what is left, and the agent told in words."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from initramfs import messages
from initramfs.messages import StepState
from provisioner.base.errors import ExitStatus, InvalidError
from provisioner.cli import run
from provisioner.commands.host.remove import RemoveHosts, remove_hosts
from provisioner.jobs import queue
from provisioner.jobs.life import JobState
from provisioner.jobs.unfinished import Unfinished
from tests.clients import people
from tests.clients.api import MAC, NOW, OTHER_MAC, Api, api, reports

CLONESYS = Path(sys.executable).with_name("clonesys")
PATIENCE = 60.0
IMAGE = messages.ImageRef("sda_Small", 1, b"d" * 32)
INSTALL = messages.Job(0, "classroom", messages.Install(IMAGE))
RESTORE = messages.Job(0, "data", messages.RestorePartitions((messages.PartitionImage(5, IMAGE),)))
LOOK = messages.Job(0, "inventory", messages.TakeInventory())


@pytest.fixture(name="site")
def site_(tmp_path: Path) -> Iterator[Api]:
    """An appliance with a host."""
    with api(tmp_path / "home") as site:
        people.add_host(site.database, "pc1", [MAC], now=NOW)
        yield site


def begin(site: Api, job: messages.Job, *steps: tuple[str, StepState]) -> messages.Assignment:
    """Let the host begin a job and report these steps."""
    people.queue_job(site.database, "pc1", job, now=NOW)
    given = site.assignment(site.contact(site.nonce()))
    assert given.job is not None
    if steps:
        path = f"/api/v1/agent/jobs/{given.job.id}/reports"
        assert site.post(path, reports(1, *steps), given.token).status_code == 204
    return given


def clonesys(site: Api, *words: str) -> int:
    """Run a command line of this appliance."""
    return run(["--home", str(site.home), *words])


WRITING = (("scan", StepState.FINISHED), (messages.FIRST_WRITE, StepState.STARTED))


@pytest.mark.parametrize("words", [("job", "cancel", "1"), ("host", "rm", "pc1")], ids=" ".join)
def test_a_restore_under_way_is_not_ended_unasked(
    site: Api, words: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    """Without a terminal and without --yes it is refused, with the state of the disk; nothing changes."""
    begin(site, INSTALL, *WRITING)
    assert clonesys(site, *words) == ExitStatus.REFUSED
    said = capsys.readouterr().err
    assert "job 1 (classroom) on pc1 is running: its disk is half written and does not start" in said
    assert "--yes" in said
    assert queue.get_job(site.database, 1).state is JobState.RUNNING
    assert [host.name for host in people.list_hosts(site.database)] == ["pc1"]


@pytest.mark.parametrize(
    ("job", "steps", "disk"),
    [
        (INSTALL, (), "nothing was written to its disk yet"),
        (INSTALL, WRITING, "its disk is half written and does not start"),
        (RESTORE, WRITING, "partition 5 of its disk is half written"),
        (INSTALL, (*WRITING, ("commit", StepState.FINISHED)), "its disk is complete and read back"),
        (LOOK, (), "its disk is not written to"),
    ],
)
def test_what_is_left_is_said_and_kept(
    site: Api,
    job: messages.Job,
    steps: tuple[tuple[str, StepState], ...],
    disk: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """When it is agreed to: at once, in the job, and to its agent, which stops."""
    given = begin(site, job, *steps)
    assert clonesys(site, "job", "cancel", "1", "--yes") == 0
    said = capsys.readouterr()
    assert disk in said.out
    assert ("warning: pc1: " in said.err) is ("half written" in disk)
    assert disk in queue.get_job(site.database, 1).error
    answer = site.post("/api/v1/agent/jobs/1/reports", reports(9, ("write", StepState.STARTED)), given.token)
    assert answer.status_code == 409
    assert "job 1 is cancelled (cancelled by " in answer.json()["detail"]


def test_the_agent_of_a_removed_host_is_told_by_whom(site: Api, capsys: pytest.CaptureFixture[str]) -> None:
    """Its reports, its result: refused for good, with the reason; not as if its token were garbage."""
    given = begin(site, INSTALL, *WRITING)
    assert clonesys(site, "host", "rm", "pc1", "--force") == 0
    assert "warning: pc1: its disk is half written" in capsys.readouterr().err
    refused = site.finish(given, messages.Result(ok=True))
    assert refused.status_code == 403
    assert "host pc1 was removed by " in refused.json()["detail"]
    assert "half written" in refused.json()["detail"]
    assert clonesys(site, "audit", "--json") == 0
    latest = json.loads(capsys.readouterr().out)[0]
    assert latest["what"] == "host rm"
    assert "while job 1 (classroom) on pc1 is running" in latest["detail"]


def test_a_job_that_waits_is_ended_without_a_question(site: Api, capsys: pytest.CaptureFixture[str]) -> None:
    """It has touched nothing."""
    people.queue_job(site.database, "pc1", INSTALL, now=NOW)
    assert clonesys(site, "job", "cancel", "1") == 0
    assert "its disk is as it was" in capsys.readouterr().out


@pytest.mark.parametrize(("answer", "state"), [("y", JobState.CANCELLED), ("n", JobState.RUNNING)])
def test_on_a_terminal_it_is_asked(site: Api, answer: str, state: JobState) -> None:
    """With what the disk is now before the question."""
    begin(site, INSTALL, *WRITING)
    status, said = on_a_terminal([str(CLONESYS), "--home", str(site.home), "job", "cancel", "1"], answer)
    assert "its disk is half written and does not start" in said
    assert "Cancel nevertheless?" in said
    assert queue.get_job(site.database, 1).state is state
    assert status == (0 if answer == "y" else ExitStatus.INTERRUPTED)


def test_who_replaces_whose_job_is_said(site: Api, capsys: pytest.CaptureFixture[str]) -> None:
    """To the second administrator, in the job that was replaced, and in the audit log."""
    assert clonesys(site, "host", "set", "pc1", "--profile", "inventory") == 0
    capsys.readouterr()
    assert clonesys(site, "host", "set", "pc1", "--profile", "inventory") == 0
    said = capsys.readouterr().out
    assert "job 2: pc1 does 'inventory' at its next network boot" in said
    assert "in place of job 1 (inventory, given by " in said
    assert "replaced by job 2 (inventory), given by " in queue.get_job(site.database, 1).error
    assert clonesys(site, "host", "set", "pc1", "--profile", "local", "--json") == 0
    (done,) = json.loads(capsys.readouterr().out)["hosts"]
    assert (done["job"], done["replaced"]["job"]) == (None, 2)
    assert "taken back by " in queue.get_job(site.database, 2).error


def test_a_job_that_begins_while_the_question_is_asked_was_not_agreed_to(site: Api) -> None:
    """What was said then is no longer true: nothing is removed."""
    begin(site, LOOK)
    people.add_host(site.database, "pc2", [OTHER_MAC], now=NOW)
    number = people.queue_job(site.database, "pc2", INSTALL, now=NOW)

    def agree(jobs: tuple[Unfinished, ...]) -> None:
        assert [job.host for job in jobs] == ["pc1"]
        assert site.contact(site.nonce(OTHER_MAC), mac=OTHER_MAC).status_code == 200

    with pytest.raises(InvalidError) as caught:
        remove_hosts(people.at(site.database, NOW), people.ADMIN, RemoveHosts(("pc1", "pc2")), agree=agree)
    assert "meanwhile job 2 (classroom) on pc2 is running" in str(caught.value.problems)
    assert queue.get_job(site.database, number).state is JobState.RUNNING
    assert len(people.list_hosts(site.database)) == 2


def on_a_terminal(command: list[str], answer: str) -> tuple[int, str]:
    """Run a command whose terminal answers its question; exit status and all it has shown."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs)
    os.close(theirs)
    said = b""
    deadline = time.monotonic() + PATIENCE
    while b"[y/N]" not in said:
        assert time.monotonic() < deadline, said
        said += os.read(ours, 4096)
    os.write(ours, answer.encode() + b"\n")
    try:
        while more := os.read(ours, 4096):
            said += more
    except OSError:  # EIO: the other side has closed
        pass
    os.close(ours)
    return process.wait(PATIENCE), said.decode().replace("\r\n", "\n")

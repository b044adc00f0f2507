"""Workers that are stuck: real processes, which say that they turn, or stop doing so."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager

import pytest

from provisioner.serve.beats import Beats
from tests.lab.waiting import Deadline, until

BEATING = """
import socket, sys, time
own = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
while True:
    own.sendto(b".", "\\0" + sys.argv[1])
    time.sleep(0.02)
"""


@contextmanager
def worker(beats: Beats, *, foreign: bool = False) -> Iterator[subprocess.Popen[bytes]]:
    """A process that beats; a ``foreign`` one belongs to another group."""
    command = [sys.executable, "-c", BEATING, beats.name[1:]]
    with subprocess.Popen(command, start_new_session=foreign) as process:
        try:
            yield process
        finally:
            process.kill()


def after_rounds(beats: Beats, holds: Callable[[], bool]) -> None:
    """Listen until it holds."""

    def listened() -> bool:
        beats.round()
        return holds()

    until(listened, Deadline.within(30), "what is waited for", every=0.0)


def test_a_worker_that_is_stuck_is_killed(caplog: pytest.LogCaptureFixture) -> None:
    """And one that turns is not; the kernel says which is which."""
    with (
        closing(Beats(silence=1.0)) as beats,
        worker(beats) as stuck,
        worker(beats) as well,
        worker(beats, foreign=True) as foreign,
    ):
        after_rounds(beats, lambda: beats.known >= {stuck.pid, well.pid, foreign.pid})
        for process in (stuck, foreign):
            os.kill(process.pid, signal.SIGSTOP)
        after_rounds(beats, lambda: stuck.poll() is not None and foreign.pid not in beats.known)
        assert stuck.returncode == -signal.SIGKILL
        assert well.poll() is None
        assert foreign.poll() is None, "it only has the number of a worker"
    assert f"worker {stuck.pid} was stuck" in caplog.text


def test_who_was_not_listened_to_is_not_silent() -> None:
    """The parent was stopped for a minute, or the whole machine was: its workers are well."""
    now = 0.0
    with closing(Beats(clock=lambda: now)) as beats, worker(beats) as one, worker(beats) as other:
        after_rounds(beats, lambda: beats.known >= {one.pid, other.pid})
        now += 60.0
        beats.round()
        assert beats.known >= {one.pid, other.pid}, "what they had said was heard"
        for process in (one, other):
            os.kill(process.pid, signal.SIGSTOP)
        beats.round()
        now += 60.0
        beats.round()
        assert beats.known >= {one.pid, other.pid}
        assert one.poll() is None
        assert other.poll() is None

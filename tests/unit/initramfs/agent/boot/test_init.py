"""PID 1's one duty that can be tried without being it: reaping."""

import os
import signal

from initramfs.agent.boot.init import reap_until


def ends(status: int) -> int:
    """A process that ends at once."""
    if process := os.fork():
        return process
    os._exit(status)


def test_others_are_reaped_on_the_way() -> None:
    """Orphans come and go; the status is the child's."""
    orphan, child = ends(1), ends(20)
    os.waitid(os.P_PID, orphan, os.WEXITED | os.WNOWAIT)
    assert reap_until(child) == 20


def test_a_child_that_was_killed_is_told_by_a_negative_status() -> None:
    """Which is no ExitStatus: it failed."""
    child = os.fork()
    if not child:
        signal.pause()
    os.kill(child, signal.SIGKILL)
    assert reap_until(child) == -signal.SIGKILL

"""An offer is worth more than what else the machine does: the part that answers DHCP gets its turn first.

Downloads by HTTP fill every processor. As a systemd unit the part has its priority from its unit.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

FIRST = "netboot"
"""The part that comes first."""
NICE = -10
"""setpriority(2): before processes of the usual 0, behind what must not wait at all."""


def prefer(process: int) -> None:
    """Let a process and what it starts have its turn first, as far as we have the right to (CAP_SYS_NICE).

    Outside of control groups the kernel shares the processors among sessions, and a priority counts within
    one only; so its session (autogroup, sched(7)) gets the same.
    """
    with contextlib.suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, process, NICE)
    with contextlib.suppress(OSError):
        Path(f"/proc/{process}/autogroup").write_text(str(NICE))

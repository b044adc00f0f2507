"""Progress on a terminal and elsewhere."""

from __future__ import annotations

import os
import pty
import subprocess
import sys

PROGRAM = """
import sys
from provisioner.cli.bars import bar
with bar(quiet=False) as progress:
    for step in sys.argv[1:]:
        progress(step, 1 << 20, 1 << 20)
"""


def shown(*steps: str) -> str:
    """What a terminal gets when these steps are done."""
    terminal, end = pty.openpty()
    try:
        subprocess.run((sys.executable, "-c", PROGRAM, *steps), stderr=end, check=True, timeout=60)
        os.write(end, b"\0")
        said = b""
        while not said.endswith(b"\0"):
            said += os.read(terminal, 4096)
    finally:
        os.close(end)
        os.close(terminal)
    return said[:-1].decode()


def test_nothing_is_drawn_before_the_first_step() -> None:
    """Redrawing would erase the question whether a disk may be overwritten."""
    assert shown() == ""


def test_each_step_has_a_bar() -> None:
    """Drawn over and over; at the end, both stay."""
    said = shown("write", "verify")
    assert "write" in said
    assert "verify" in said


def test_elsewhere_each_step_is_a_line() -> None:
    """Logs get no control sequences."""
    command = (sys.executable, "-c", PROGRAM, "write", "verify")
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    assert done.stderr == "write: 1.0 MiB\nverify: 1.0 MiB\n"

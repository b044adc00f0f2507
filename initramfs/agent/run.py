"""The agent's one way to start a program: list arguments, output captured, failures that can be pasted.

Knows nothing of what it runs.
"""

from __future__ import annotations

import shlex
import subprocess
from collections.abc import Sequence

from initramfs.agent.errors import StepError


def run(command: Sequence[str]) -> str:
    """What ``command`` printed. Raises StepError with the command and its last words if it fails."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    except OSError as error:
        raise StepError(f"cannot start {shlex.join(command)}: {error}") from error
    if done.returncode != 0:
        words = (done.stderr or done.stdout).strip().splitlines()[-3:]
        raise StepError(f"{shlex.join(command)} failed with {done.returncode}: {' '.join(words)}")
    return done.stdout

"""The engine's one way to start a program. Lists of arguments, no shell, C locale."""

from __future__ import annotations

import os
import shlex
import subprocess

from initramfs.imaging.errors import ToolError


def run(*command: str, accept: tuple[int, ...] = (0,), stdin: str = "") -> subprocess.CompletedProcess[str]:
    """Run to the end, output captured. Raises ToolError for other exit statuses than ``accept``."""
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
            input=stdin,
            env=os.environ | {"LC_ALL": "C"},
        )
    except FileNotFoundError as error:
        raise ToolError(f"{command[0]} is not installed", f"needed for: {shlex.join(command)}") from error
    if done.returncode not in accept:
        said = " | ".join((done.stderr or done.stdout).strip().splitlines()[-3:])
        raise ToolError(f"{shlex.join(command)} ended with status {done.returncode}: {said}")
    return done

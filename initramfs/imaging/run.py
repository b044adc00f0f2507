"""The engine's one way to start a program. Lists of arguments, no shell, C locale.

What a program says when it fails becomes a sentence in ``tool_words``.
"""

from __future__ import annotations

import os
import shlex
import subprocess

from initramfs.imaging.errors import ToolError, ToolKilledError, ToolMissingError
from initramfs.imaging.tool_words import reason


def run(*command: str, accept: tuple[int, ...] = (0,), stdin: str = "") -> subprocess.CompletedProcess[str]:
    """Run to the end, output captured.

    Raises ToolError for other exit statuses than ``accept``, ToolMissingError if there is no such program,
    ToolKilledError if it was ended by a signal.
    """
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
        raise ToolMissingError(
            f"{command[0]} is not installed", f"needed for: {shlex.join(command)}"
        ) from error
    hint = f"the command was: {shlex.join(command)}"
    if done.returncode < 0:
        raise ToolKilledError(f"{command[0]}: it was ended by signal {-done.returncode}", hint)
    if done.returncode not in accept:
        raise ToolError(f"{command[0]}: {_why(command[0], done)}", hint)
    return done


def _why(tool: str, done: subprocess.CompletedProcess[str]) -> str:
    return (
        reason(tool, done.stdout, done.stderr) or f"it failed with status {done.returncode}, and said nothing"
    )

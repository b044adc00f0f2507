"""The lab's only way to start a process and wait for it."""

from __future__ import annotations

import shlex
import subprocess
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


class CommandError(Exception):
    """A process ended with an error; the text is a command to paste, and what it said."""

    def __init__(self, argv: tuple[str, ...], status: int, said: str) -> None:
        super().__init__(f"exit status {status} from: {shlex.join(argv)}\n{said.strip()}")
        self.status = status
        self.said = said


def run(*argv: str | Path, stdin: str | bytes = b"", within: float = 600) -> str:
    """Run to the end and return its standard output.

    ``within`` is in seconds. Raises CommandError on any exit status but 0,
    subprocess.TimeoutExpired when time is up.
    """
    words = tuple(str(word) for word in argv)
    data = stdin.encode() if isinstance(stdin, str) else stdin
    done = subprocess.run(words, input=data, capture_output=True, timeout=within, check=False)
    if done.returncode:
        said = done.stderr.decode(errors="replace") + done.stdout.decode(errors="replace")
        raise CommandError(words, done.returncode, said)
    return done.stdout.decode(errors="replace")


def stream(*argv: str | Path, line: Callable[[str], None]) -> None:
    """Run to the end, giving every line of its output as it comes. Raises CommandError."""
    words = tuple(str(word) for word in argv)
    said: list[str] = []
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        for text in process.stdout or ():
            said.append(text)
            line(text.rstrip())
    if process.returncode:
        raise CommandError(words, process.returncode, "".join(said))

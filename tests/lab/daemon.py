"""A process that runs beside us, with a log file, and that never outlives us."""

from __future__ import annotations

import signal
import subprocess
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from pathlib import Path


class Daemon:
    """One background process. A context manager: leaving it ends the process.

    It is started through ``setpriv --pdeathsig``, so that even ``kill -9`` of us does not leave it behind.
    (The kernel ties that to the *thread* which starts it: start daemons from threads that last.)
    """

    def __init__(self, argv: tuple[str | Path, ...], log: Path) -> None:
        self.argv = tuple(str(word) for word in argv)
        self.log = log
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, *inherited: int) -> None:
        """Start it; its output is added to the log. It gets these file descriptors under their numbers."""
        guarded = ("setpriv", "--pdeathsig", "KILL", *self.argv)
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                guarded,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                pass_fds=inherited,
            )

    @property
    def running(self) -> bool:
        """Whether it was started and has not ended."""
        return self._process is not None and self._process.poll() is None

    @property
    def status(self) -> int | None:
        """Its exit status; None before its end. Negative: the signal that killed it."""
        return self._process.poll() if self._process else None

    def stop(self, within: float = 10) -> int | None:
        """Ask it to end (SIGTERM), insist after ``within`` seconds; returns its exit status."""
        if self._process and self.running:
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(within)
            except subprocess.TimeoutExpired:
                self.kill()
        return self.status

    def kill(self) -> None:
        """End it as a power cut would: SIGKILL."""
        if self._process:
            self._process.kill()
            self._process.wait()

    def tail(self, lines: int = 20) -> str:
        """The end of its log, for messages about it."""
        if not self.log.exists():
            return ""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

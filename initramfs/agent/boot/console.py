"""Every console at once: the screen and the serial line show the same.

``/dev/console`` is only the last ``console=`` of the kernel's command line, so lines
are written to each device that the kernel itself writes to.
"""

from __future__ import annotations

import io
import os
import time

from initramfs.errors import ExplainedError

ACTIVE = "/sys/class/tty/console/active"


def terminals(active: str) -> list[str]:
    """Device paths for the kernel's list of consoles; ``tty0`` means the screen in front: tty1."""
    return [f"/dev/{'tty1' if name == 'tty0' else name}" for name in active.split()] or ["/dev/console"]


def stamp(line: str, seconds: float) -> str:
    """A line as the kernel would print it: with the seconds since it started."""
    return f"[{seconds:12.6f}] clonesys: {line}"


def explain(error: BaseException) -> list[str]:
    """An error as lines: ours with its hint, any other with where it happened."""
    if isinstance(error, ExplainedError):
        lines = [f"error: {error.message}"]
        return [*lines, f"hint: {error.hint}"] if error.hint else lines
    import traceback  # noqa: PLC0415 - slow to import, and hoped not to be needed

    return "".join(traceback.format_exception(error)).splitlines()


class Console(io.TextIOBase):
    """A stream that writes to every console. One that fails is left alone: the others matter more."""

    def __init__(self, paths: list[str], *, patience: int = 200) -> None:
        """``patience``: how many hundredths of a second a full line is waited for, each time."""
        super().__init__()
        self._patience = patience
        # O_NONBLOCK: a serial line with nothing at its other end must not hold up the boot.
        flags = os.O_WRONLY | os.O_NOCTTY | os.O_NONBLOCK
        self._files = [file for path in paths if (file := _open(path, flags)) is not None]

    def write(self, text: str) -> int:
        """Write ``text`` everywhere."""
        data = text.encode(errors="replace")
        for file in self._files:
            self._send(file, data)
        return len(text)

    def writable(self) -> bool:
        """Always."""
        return True

    def isatty(self) -> bool:
        """Never: what is written here is read later, too."""
        return False

    def _send(self, file: int, data: bytes) -> None:
        """Write all of it, waiting a little where a slow line is full."""
        patience = self._patience
        while data and patience:
            try:
                data = data[os.write(file, data) :]
            except BlockingIOError:
                patience -= 1
                time.sleep(0.01)
            except OSError:
                return

    def say(self, line: str) -> None:
        """One line with the time since the kernel started."""
        self.write(stamp(line, time.clock_gettime(time.CLOCK_BOOTTIME)) + "\n")


def find() -> list[str]:
    """The terminals of this machine, as the kernel lists them."""
    try:
        with open(ACTIVE) as file:  # noqa: PTH123 - pathlib costs tenths of a second at this point
            return terminals(file.read())
    except OSError:
        return terminals("")


def _open(path: str, flags: int) -> int | None:
    try:
        return os.open(path, flags)
    except OSError:
        return None

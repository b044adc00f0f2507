"""The log: one line for one event, whatever a machine, an image or a network has put into it.

A line end in a name would forge an entry, an escape would steer the terminal of who reads it. So both are
written as their escapes, and a traceback as one line too: the error, and where it went through.
"""

from __future__ import annotations

import logging
import threading
import traceback
from copy import copy
from types import TracebackType

from provisioner.base.text import line

MAX_LINE = 8000
"""Characters of an entry."""
_Error = tuple[type[BaseException], BaseException, TracebackType | None]


class OneLine(logging.Formatter):
    """Writes each record as one line of printable characters."""

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        plain = copy(record)
        plain.exc_info = plain.exc_text = plain.stack_info = None
        text = super().format(plain)
        if record.exc_info:
            text += f": {self.formatException(record.exc_info)}"
        return line(text, MAX_LINE)

    def formatException(self, ei: _Error | tuple[None, None, None]) -> str:  # noqa: N802 - logging's name
        """An error with its path, innermost last: ``ValueError: no number (a.py:3 in f, b.py:7 in g)``."""
        _, error, trace = ei
        frames = traceback.extract_tb(trace)
        path = ", ".join(f"{frame.filename}:{frame.lineno} in {frame.name}" for frame in frames)
        cause = f" because of {error.__cause__!r}" if error is not None and error.__cause__ else ""
        return f"{type(error).__name__}: {error}{cause} ({path})"


def install(form: str) -> None:
    """Let all that this process has to tell go to standard error as such lines: warnings and bugs, too."""
    handler = logging.StreamHandler()
    handler.setFormatter(OneLine(form))
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    logging.captureWarnings(capture=True)
    threading.excepthook = _thread_ended


def _thread_ended(ended: threading.ExceptHookArgs) -> None:
    error, thread = ended.exc_value, ended.thread
    if error is not None and not isinstance(error, SystemExit):
        name = thread.name if thread else "unknown"
        logging.getLogger("clonesys").error(
            "thread %s ended by a bug", name, exc_info=(type(error), error, ended.exc_traceback)
        )

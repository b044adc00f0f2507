"""Ctrl-C in words: each command that takes long says what it left as it was, and what not."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from provisioner.base.errors import InterruptedByPersonError


@contextmanager
def leaving(what: str | Callable[[], str], hint: str = "") -> Iterator[None]:
    """Say ``what`` is left, if the body is interrupted; a function is asked then.

    Raises InterruptedByPersonError instead of KeyboardInterrupt.
    """
    try:
        yield
    except KeyboardInterrupt as stop:
        words = what if isinstance(what, str) else what()
        raise InterruptedByPersonError(f"interrupted: {words}", hint) from stop

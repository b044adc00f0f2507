"""Long work on a terminal: a bar for each step; plain lines elsewhere; nothing beside JSON."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from initramfs.imaging.device.parallel import ProgressCallback, silent
from provisioner.base.units import binary


@contextmanager
def bar(*, quiet: bool) -> Iterator[ProgressCallback]:
    """A progress bar on a terminal, a line for each finished step elsewhere, nothing beside JSON."""
    if quiet:
        yield silent
    elif sys.stderr.isatty():
        with drawn() as progress:
            yield progress
    else:
        yield _line


@contextmanager
def drawn() -> Iterator[ProgressCallback]:
    """A progress that draws a bar for each step, on standard error.

    Nothing is drawn before the first step: what refreshes the bars would erase a question that is asked.
    """
    # Loaded here, because programs draw nothing, and it takes longer than many a restore does.
    from rich import progress as rich  # noqa: PLC0415 - see above
    from rich.console import Console  # noqa: PLC0415 - likewise

    columns = (
        rich.TextColumn("{task.description:8}"), rich.BarColumn(), rich.DownloadColumn(binary_units=True),
        rich.TextColumn("{task.fields[speed]:>12}"), rich.TimeRemainingColumn(),
    )  # fmt: skip
    bars = rich.Progress(*columns, console=Console(stderr=True))
    tasks: dict[str, Any] = {}

    def show_bar(step: str, done: int, total: int) -> None:
        if step not in tasks:
            tasks[step] = bars.add_task(step, total=total, speed="")
            bars.start()  # does nothing from the second time on
        bars.update(tasks[step], completed=done, total=total)
        found = next(task for task in bars.tasks if task.id == tasks[step])
        if speed := found.finished_speed or found.speed:  # rich would say it in powers of 1000
            bars.update(tasks[step], speed=f"{binary(speed)}/s")

    try:
        yield show_bar
    finally:
        bars.stop()


class StageTimes:
    """A progress that passes on to another one, and measures. A step lasts until the next one begins."""

    def __init__(self, inner: ProgressCallback) -> None:
        self._inner = inner
        self._began: dict[str, float] = {}

    def __call__(self, step: str, done: int, total: int) -> None:
        self._began.setdefault(step, time.monotonic())
        self._inner(step, done, total)

    def has_begun(self, step: str) -> bool:
        """Whether a step was reached."""
        return step in self._began

    def seconds(self) -> dict[str, float]:
        """Seconds of each step up to now, in order."""
        ends = [*list(self._began.values())[1:], time.monotonic()]
        return {step: round(end - self._began[step], 3) for step, end in zip(self._began, ends, strict=True)}


def _line(step: str, done: int, total: int) -> None:
    if done == total and total:
        sys.stderr.write(f"{step}: {binary(done)}\n")

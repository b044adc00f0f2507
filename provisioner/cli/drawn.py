"""Bars as they are drawn on a terminal. Apart from ``bars``, because what draws them takes long to load."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, TextColumn, TimeRemainingColumn, TransferSpeedColumn
from rich.progress import Progress as Bars

from initramfs.imaging.device.parallel import ProgressCallback


@contextmanager
def drawn() -> Iterator[ProgressCallback]:
    """A progress that draws a bar for each step, on standard error.

    Nothing is drawn before the first step: what refreshes the bars would erase a question that is asked.
    """
    columns = (
        TextColumn("{task.description:8}"), BarColumn(), DownloadColumn(binary_units=True),
        TransferSpeedColumn(), TimeRemainingColumn(),
    )  # fmt: skip
    bars = Bars(*columns, console=Console(stderr=True))
    tasks: dict[str, Any] = {}

    def show_bar(step: str, done: int, total: int) -> None:
        if step not in tasks:
            tasks[step] = bars.add_task(step, total=total)
            bars.start()  # does nothing from the second time on
        bars.update(tasks[step], completed=done, total=total)

    try:
        yield show_bar
    finally:
        bars.stop()

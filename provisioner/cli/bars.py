"""Long work on a terminal: a bar for each step; plain lines elsewhere; nothing beside JSON."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, TextColumn, TimeRemainingColumn, TransferSpeedColumn
from rich.progress import Progress as Bars

from initramfs.agent.disk.parallel import Progress, silent

MIB = 1 << 20
GIB = 1 << 30


def size(count: int) -> str:
    """Bytes for people."""
    return f"{count / GIB:.2f} GiB" if count >= GIB else f"{count / MIB:.1f} MiB"


@contextmanager
def bar(*, quiet: bool) -> Iterator[Progress]:
    """A progress bar on a terminal, a line for each finished step elsewhere, nothing beside JSON."""
    if quiet:
        yield silent
        return
    console = Console(stderr=True)
    if not console.is_terminal:
        yield _line
        return
    columns = (
        TextColumn("{task.description:8}"), BarColumn(), DownloadColumn(binary_units=True),
        TransferSpeedColumn(), TimeRemainingColumn(),
    )  # fmt: skip
    with Bars(*columns, console=console) as bars:
        tasks: dict[str, Any] = {}

        def show_bar(step: str, done: int, total: int) -> None:
            if step not in tasks:
                tasks[step] = bars.add_task(step, total=total)
            bars.update(tasks[step], completed=done, total=total)

        yield show_bar


def _line(step: str, done: int, total: int) -> None:
    if done == total and total:
        sys.stderr.write(f"{step}: {size(done)}\n")

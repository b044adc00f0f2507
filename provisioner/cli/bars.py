"""Long work on a terminal: a bar for each step; plain lines elsewhere; nothing beside JSON."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from initramfs.imaging.device.parallel import Progress, silent
from provisioner.base.units import binary


@contextmanager
def bar(*, quiet: bool) -> Iterator[Progress]:
    """A progress bar on a terminal, a line for each finished step elsewhere, nothing beside JSON."""
    if quiet:
        yield silent
        return
    if not sys.stderr.isatty():
        yield _line
        return
    # Loaded here, because programs draw nothing, and it takes longer than many a restore does.
    from provisioner.cli.drawn import drawn  # noqa: PLC0415 - see above

    with drawn() as progress:
        yield progress


def _line(step: str, done: int, total: int) -> None:
    if done == total and total:
        sys.stderr.write(f"{step}: {binary(done)}\n")

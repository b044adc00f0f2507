"""Run a command where other users can read this checkout, wherever it lies: ``readable PATH... -- COMMAND``.

A checkout, an interpreter or a test's folder below /root is closed to the user whom the services run as. In a
mount namespace of its own, which goes with the command, the folders on the way are replaced by open ones that
hold nothing else. Needs root.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import stat
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.lab.command import run

ROOT = Path(__file__).parents[2]
COVERED = (Path("/mnt"), Path("/media"), Path("/srv"))
"""The first that is no way to a path is where closed folders are found again. It is covered in the namespace
only, so nothing stays behind.
"""
CLONE_NEWNS = 0x00020000
"""<linux/sched.h>, for unshare(2), which Python has only from 3.12 on."""


def readable(command: tuple[str | Path, ...], *paths: Path) -> tuple[str | Path, ...]:
    """The command that runs ``command`` where all users reach ``paths``, the checkout and the interpreter."""
    return (sys.executable, "-m", "tests.lab.readable", ROOT, Path(sys.base_prefix), *paths, "--", *command)


@contextmanager
def open_folder() -> Iterator[Path]:
    """A temporary folder that every user comes to; those of pytest are closed."""
    folder = Path(tempfile.mkdtemp(prefix="clonesys-"))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


def closed_folder(path: Path) -> Path | None:
    """The first folder on the way to ``path`` that not everybody may pass."""
    return next((each for each in reversed(path.parents) if not each.stat().st_mode & stat.S_IXOTH), None)


def open_the_way(path: Path, aside: Path, kept: dict[Path, Path]) -> None:
    """Mount ``path`` at its place again, below open folders; ``kept`` maps closed ones to where they are."""
    closed = next((each for each in kept if path.is_relative_to(each)), None) or closed_folder(path)
    if closed is None:
        return
    if closed not in kept:
        kept[closed] = aside / str(len(kept))
        kept[closed].mkdir()
        run("mount", "--rbind", closed, kept[closed])
        run("mount", "-t", "tmpfs", "-o", "mode=0755", "tmpfs", closed)
    if not path.exists():
        path.mkdir(parents=True)
        run("mount", "--rbind", kept[closed] / path.relative_to(closed), path)


def main(arguments: list[str]) -> None:
    """Does not return."""
    end = arguments.index("--")
    if ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWNS):
        raise OSError(ctypes.get_errno(), "unshare")
    run("mount", "--make-rprivate", "/")
    paths = [Path(path).resolve() for path in arguments[:end]]
    aside = next(each for each in COVERED if not any(path.is_relative_to(each) for path in paths))
    run("mount", "-t", "tmpfs", "-o", "mode=0700", "tmpfs", aside)
    kept: dict[Path, Path] = {}
    for path in paths:
        open_the_way(path, aside, kept)
    os.chdir(ROOT)
    os.execvp(arguments[end + 1], arguments[end + 1 :])  # noqa: S606 - the command line is ours


if __name__ == "__main__":
    main(sys.argv[1:])

"""Who the files of an appliance belong to: to the owner of its home, who need not be who makes them.

The services are not root; root captures disks and builds boot files for them. So what root makes belongs to
whom its folder belongs, as SQLite has it for its journals. Images are not for the other users of the machine.
"""

from __future__ import annotations

import os
import pwd
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

FOLDER_MODE = 0o750
FILE_MODE = 0o640
ROOT = 0


@dataclass(frozen=True, slots=True)
class Owner:
    """A user, by number and, if it has one, by name."""

    uid: int
    gid: int
    name: str = ""

    @classmethod
    def of(cls, path: Path) -> Owner:
        """Whose a file or folder is. Raises OSError."""
        found = path.stat()
        try:
            name = pwd.getpwuid(found.st_uid).pw_name
        except KeyError:
            name = ""
        return cls(found.st_uid, found.st_gid, name)

    @classmethod
    def named(cls, name: str) -> Owner | None:
        """The user of that name, with its own group; None if there is none."""
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            return None
        return cls(entry.pw_uid, entry.pw_gid, entry.pw_name)


def give(descriptor: int, folder: Path) -> None:
    """Let what root has just made in ``folder`` belong to whom the folder belongs. Raises OSError."""
    if os.geteuid() == ROOT:
        owner = folder.stat()
        if owner.st_uid != ROOT:
            os.fchown(descriptor, owner.st_uid, owner.st_gid)


def make_folder(path: Path, mode: int = FOLDER_MODE) -> None:
    """Make a folder and those above it that are missing. One that is there stays as it is. Raises OSError."""
    if path.is_dir():
        return
    make_folder(path.parent)
    try:
        path.mkdir(mode)
    except FileExistsError:
        if not path.is_dir():
            raise
        return
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        give(descriptor, path.parent)
    finally:
        os.close(descriptor)


def hand_over(root: Path, owner: Owner) -> None:
    """Let everything below ``root`` belong to ``owner``. Raises OSError, as for who is not root."""
    for path in _everything(root):
        os.chown(path, owner.uid, owner.gid, follow_symlinks=False)


def close_to_others(root: Path) -> None:
    """Take every right from the machine's other users; of a folder, for all below it. Raises OSError."""
    root.chmod(root.stat().st_mode & FOLDER_MODE)


def _everything(root: Path) -> Iterator[Path]:
    yield root
    for folder, folders, files in os.walk(root):
        for name in (*folders, *files):
            yield Path(folder, name)

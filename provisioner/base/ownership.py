"""Who the files of an appliance belong to: to the owner of its home, who need not be who makes them.

The services are not root; root captures disks and builds boot files for them. So what root makes belongs to
whom its folder belongs, as SQLite has it for its journals. Images are not for the other users of the machine.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import stat
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


def create(path: Path, flags: int = os.O_WRONLY) -> int:
    """A new file's descriptor; it belongs to whom its folder belongs. Raises OSError, FileExistsError."""
    with _folder(path.parent) as folder:
        descriptor = os.open(
            path.name, flags | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, FILE_MODE, dir_fd=folder
        )
        try:
            _give(descriptor, folder)
        except OSError:
            os.close(descriptor)
            raise
    return descriptor


def open_or_create(path: Path, flags: int) -> int:
    """The same of a file that may be there. Raises OSError.

    Its name is in the hands of the folder's owner, for whom root works: no link is followed, and what was
    there is not given away. Else root would make any file of the machine theirs.
    """
    while True:
        try:
            return create(path, flags)
        except FileExistsError:
            with contextlib.suppress(FileNotFoundError):  # deleted just now
                return os.open(path, flags | os.O_NOFOLLOW | os.O_CLOEXEC)


def make_folder(path: Path, mode: int = FOLDER_MODE) -> None:
    """Make a folder and those above it that are missing. One that is there stays as it is. Raises OSError."""
    if path.is_dir():
        return
    make_folder(path.parent)
    with _folder(path.parent) as parent:
        try:
            os.mkdir(path.name, mode, dir_fd=parent)
        except FileExistsError:
            if not path.is_dir():
                raise
            return
        with _folder(path.name, os.O_RDONLY | os.O_NOFOLLOW, parent) as made:
            _give(made, parent)


def hand_over(root: Path, owner: Owner) -> None:
    """Let everything below ``root`` belong to ``owner``. Raises OSError, as for who is not root.

    By descriptors of folders, and no path: who owns a part already may put a link in the place of another.
    ``root`` comes last, so that one that was not finished shows it.
    """
    for _, folders, files, descriptor in os.fwalk(root.resolve()):
        for name in (*folders, *files):
            os.chown(name, owner.uid, owner.gid, dir_fd=descriptor, follow_symlinks=False)
    os.chown(root, owner.uid, owner.gid)


def close_to_others(root: Path) -> None:
    """Take every right from the machine's other users; of a folder, for all below it. Raises OSError.

    A link is left alone: what it leads to need not be ours.
    """
    # O_PATH: to close any other descriptor of the database would drop the locks on it (fcntl(2)).
    descriptor = os.open(root, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        mode = os.fstat(descriptor).st_mode
        if not stat.S_ISLNK(mode):
            Path(f"/proc/self/fd/{descriptor}").chmod(stat.S_IMODE(mode) & FOLDER_MODE)
    finally:
        os.close(descriptor)


def _give(descriptor: int, folder: int) -> None:
    """Let what root has just made in ``folder`` belong to whom the folder belongs."""
    if os.geteuid() == ROOT:
        owner = os.fstat(folder)
        if owner.st_uid != ROOT:
            os.fchown(descriptor, owner.st_uid, owner.st_gid)


@contextlib.contextmanager
def _folder(path: Path | str, flags: int = os.O_PATH, parent: int | None = None) -> Iterator[int]:
    """A folder that stays the same whatever becomes of its path."""
    descriptor = os.open(path, os.O_DIRECTORY | os.O_CLOEXEC | flags, dir_fd=parent)
    try:
        yield descriptor
    finally:
        os.close(descriptor)

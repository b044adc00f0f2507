"""What a database cannot do, in words: what was found, and what to do.

Whether a disk is full or a file is another user's is asked of the file system: SQLite's own word for both is
often just "disk I/O error" or "unable to open database file".
"""

from __future__ import annotations

import os
from pathlib import Path

from sqlalchemy import exc

from provisioner.base import access
from provisioner.base.errors import ProvisionerError

ROOM = 1 << 20
"""Bytes: what the files beside a database take at least."""
DAMAGED = frozenset({"SQLITE_CORRUPT", "SQLITE_NOTADB"})
REFUSED = frozenset({"SQLITE_READONLY", "SQLITE_CANTOPEN", "SQLITE_PERM"})
NO_TABLE = "SQLITE_ERROR"
"""SQLite's word for a statement that its tables do not fit."""


def code_of(error: exc.DBAPIError) -> str:
    """SQLite's name of the error, without its details (``SQLITE_IOERR``); empty for other databases."""
    return "_".join(str(getattr(error.orig, "sqlite_errorname", "")).split("_")[:2])


def is_full(error: exc.DBAPIError, path: Path | None) -> bool:
    """Whether there is no room for what the database wanted to write."""
    code = code_of(error)
    return code == "SQLITE_FULL" or (code in {"SQLITE_IOERR", "SQLITE_CANTOPEN"} and _has_no_room(path))


def in_words(error: exc.DBAPIError, path: Path | None) -> ProvisionerError:
    """An error for people; ``path`` is the file of the database, if it is one."""
    code, reason = code_of(error), str(error.orig)
    if is_full(error, path):
        return ProvisionerError(f"no space left on the disk of {path}", access.ROOM)
    if "locked" in reason:
        return ProvisionerError(
            f"the database fails: {reason}",
            "another program holds it for long: a backup, or a shell of SQLite's? Try again",
        )
    if code in REFUSED and path is not None and (closed := _closed(path)) is not None:
        return access.denied(closed)
    if code in DAMAGED:
        return ProvisionerError(
            f"the database {path} is damaged: {reason}",
            "stop 'clonesys serve', keep the file aside, and put back a copy of it; the images are not in it",
        )
    if path is None:
        what = "is the server that 'database' in clonesys.toml names running, and does it know this user?"
        return ProvisionerError(f"the database fails: {reason.strip()}", what)
    return ProvisionerError(
        f"the database fails: {reason}", "look at the disk of the database and at the system's log"
    )


def _has_no_room(path: Path | None) -> bool:
    if path is None:
        return False
    try:
        found = os.statvfs(path.parent)
    except OSError:
        return False
    return found.f_bavail * found.f_frsize < ROOM


def _closed(path: Path) -> Path | None:
    """The file, one beside it, or their folder: the first that this user may not write."""
    beside = [path.with_name(path.name + end) for end in ("", "-wal", "-shm")]
    places = [place for place in (*beside, path.parent) if place.exists()]
    return next((place for place in places if not os.access(place, os.W_OK, effective_ids=True)), None)

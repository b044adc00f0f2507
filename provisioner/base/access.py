"""What the system refuses (rights, room, read-only disks), as an error that says what to do.

A refusal names whose the file is and who asked: an appliance's files belong to one user, and most refusals
are of commands that another one has typed.
"""

from __future__ import annotations

import errno
import os
import pwd
import stat
from pathlib import Path

from provisioner.base.errors import ConflictError, ProvisionerError

FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
DENIED = frozenset({errno.EACCES, errno.EPERM})
ROOM = "remove old images with 'clonesys image rm NAME@GENERATION', then run 'clonesys image gc'"


class DeniedError(ConflictError):
    """The user of the command may not do this to a file."""


def in_words(error: OSError, path: Path | None = None) -> ProvisionerError:
    """The same as an error for people. ``path`` is what it is about, where the error does not say."""
    place = path or (Path(os.fsdecode(error.filename)) if isinstance(error.filename, str | bytes) else None)
    reason = error.strerror or str(error)
    if error.errno in DENIED and place is not None:
        return denied(place)
    at = f"{place}: " if place is not None else ""
    if error.errno in FULL:
        return ProvisionerError(f"{at}no space left", ROOM)
    if error.errno == errno.EROFS:
        return ProvisionerError(f"{at}the file system is mounted read-only", "look at 'findmnt' and 'dmesg'")
    return ProvisionerError(f"{at}{reason}", "look at this file and its disk")


def denied(path: Path) -> DeniedError:
    """What to say to a user who may not do something with ``path``: whose it is, and whom to be."""
    place = _obstacle(path)
    me = user_name(os.geteuid())
    try:
        found = place.stat()
    except OSError:
        return DeniedError(f"{path}: permission denied for {me}", "run this as the owner of the appliance")
    owner = user_name(found.st_uid)
    mode = f"{stat.S_IMODE(found.st_mode):04o}"
    way = "" if path == place else f", which leads to {path},"
    told = f"{place}{way} belongs to {owner} (mode {mode}), and {me} may not do this"
    return DeniedError(told, as_user(owner))


def as_user(owner: str) -> str:
    """How to be ``owner`` for one command."""
    return f"run this as {owner}: 'sudo {'' if owner == 'root' else f'-u {owner} '}clonesys …'"


def user_name(number: int) -> str:
    """The user's name, or the number of one that has none."""
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return str(number)


def _obstacle(path: Path) -> Path:
    """The first folder on the way to ``path`` that may not be searched; ``path`` or its folder if all may."""
    for folder in reversed(path.parents):
        if folder.is_dir() and not os.access(folder, os.X_OK, effective_ids=True):
            return folder
    return path if path.exists() else path.parent

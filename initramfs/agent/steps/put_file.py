"""Putting a file into a file system that an image has brought: by rename, and through nothing of the image's.

Whatever lies there may have been made to lead elsewhere: a link to another disk's device node, a device, a
FIFO. So the new file is made anew, under a name that is freed first, and never opened if it exists.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path

from initramfs.agent.errors import StepError

LABEL = "security.selinux"
"""A file without it is ``unlabeled_t``, which confined services may not read: see selinux(8)."""


def put_file(path: Path, content: bytes, finish: Callable[[Path], None]) -> None:
    """Put ``content`` at ``path``, whole or not at all; ``finish`` gives the new file its mode and owner.

    The folder of ``path`` must have been checked already. Raises StepError if it cannot be made there.
    """
    new = path.with_name(f".clonesys-{path.name}")
    try:
        new.unlink(missing_ok=True)
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        raise StepError(
            f"{new.name} cannot be made in the image: {error.strerror}", "remove it before capturing"
        ) from error
    with os.fdopen(descriptor, "wb") as out:
        out.write(content)
        out.flush()
        finish(new)
        os.fsync(descriptor)
    new.rename(path)


def replace_file(path: Path, content: bytes, mode: int) -> None:
    """Put ``content`` in the place of a file, with its attributes; without one, with ``mode``.

    Raises StepError and OSError.
    """
    if is_own_file(path):
        put_file(path, content, lambda new: keep_attributes(path, new))
    else:
        put_new_file(path, content, mode)


def put_new_file(path: Path, content: bytes, mode: int) -> None:
    """Put a file of root's with exactly ``mode``, whatever was there before. Raises StepError and OSError."""

    def finish(new: Path) -> None:
        new.chmod(mode)
        if not (is_own_file(path) and label_like(path, new)):
            label_like(path.parent, new)

    put_file(path, content, finish)


def is_own_file(path: Path) -> bool:
    """Whether this is a file of the image's own, and nothing that leads elsewhere."""
    return path.is_file() and not path.is_symlink()


def keep_attributes(old: Path, new: Path) -> None:
    """Owner, mode and all extended attributes: labels, access lists, capabilities. Raises OSError."""
    status = old.stat()
    os.chown(new, status.st_uid, status.st_gid)
    new.chmod(stat.S_IMODE(status.st_mode))  # behind chown(2), which takes set-user-ID away
    for name in os.listxattr(old):
        os.setxattr(new, name, os.getxattr(old, name))


def label_like(other: Path, new: Path) -> bool:
    """As the kernel labels what is new: like its folder, where no policy says otherwise. Whether it did."""
    try:
        os.setxattr(new, LABEL, os.getxattr(other, LABEL, follow_symlinks=False))
    except OSError:  # ENODATA: the image knows no labels; ENOTSUP: its file system has none
        return False
    return True

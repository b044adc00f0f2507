"""Putting a file into a file system that an image has brought: by rename, and through nothing of the image's.

Whatever lies there may have been made to lead elsewhere: a link to another disk's device node, a device, a
FIFO. So the new file is made anew, under a name that is freed first, and never opened if it exists.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from initramfs.agent.errors import StepError


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

"""Whether a file system is in order, as its own tool says after it was changed.

Tools leave damage behind and end with status 0: resize2fs and tune2fs 1.47.0 (Debian 12) let the checksums of
an ``orphan_file`` go wrong, and the kernel then mounts nothing. So whatever resized or renamed a file system
calls :func:`prove`. ``path`` is a block device or a file, not mounted.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from initramfs.imaging.errors import ToolError, ToolKilledError, ToolMissingError
from initramfs.imaging.run import run

CHECKS: Final = {
    **dict.fromkeys(("ext2", "ext3", "ext4"), ("e2fsck", "-f", "-n")),
    "xfs": ("xfs_repair", "-n"),
    "btrfs": ("btrfs", "check", "--readonly"),
    # Twice: a volume that is marked for a check by Windows is looked at too.
    "ntfs": ("ntfsresize", "--force", "--force", "--no-progress-bar", "--bad-sectors", "--info"),
    "vfat": ("fsck.fat", "-n"),
    "swap": ("swaplabel",),
}
"""What only reads and ends with status 0 if all is well, by blkid's name of the file system."""
MENDS: Final = {
    **dict.fromkeys(("ext2", "ext3", "ext4"), ("e2fsck", "-f", "-p")),
    "vfat": ("fsck.fat", "-a", "-w"),
}
"""What mends what can be mended without a question. The others' tools mend nothing unasked."""
LESS_MEMORY: Final = {"btrfs": ("btrfs", "check", "--readonly", "--mode=lowmem")}
"""Slower, for a large one on a small machine."""
MILDER: Final = {"ntfs": ("ntfsinfo", "--force", "--mft")}
"""Windows lives with clusters that are marked and no file's: where nothing was moved, the tables count."""
ATTEMPTED = (0, 1, 4)
"""Statuses of these: in order, mended, and not all of it mended, which the next check finds too."""
UNSAID = (ToolKilledError, ToolMissingError)
"""Nothing was found, because nothing was looked at."""


def check(kind: str, path: Path) -> bool:
    """Let the file system's own tool look at all of it; whether there is one for it. Changes nothing.

    Raises ToolError: something is wrong with it.
    """
    command = CHECKS.get(kind)
    if command is None:
        return False
    try:
        run(*command, str(path))
    except ToolKilledError:
        if kind not in LESS_MEMORY:
            raise
        run(*LESS_MEMORY[kind], str(path))
    return True


def prove(kind: str, path: Path, *, resized: bool = False) -> bool:
    """Check it after a change, and put right what its tool can put right without a question.

    ``resized`` asks for more: then nothing counts as having been so before. As :func:`check`; raises
    ToolError with what is still wrong after the last attempt.
    """
    try:
        return check(kind, path)
    except UNSAID:
        raise
    except ToolError as error:
        if kind in MENDS:
            run(*MENDS[kind], str(path), accept=ATTEMPTED)
        if (kind in MENDS and _passes(CHECKS[kind], path)) or (
            kind in MILDER and not resized and _passes(MILDER[kind], path)
        ):
            return True
        raise ToolError(
            f"the {kind} on {path} is not in order: {error.message}",
            "check the file system where it was captured, and capture it again",
        ) from error


def _passes(command: tuple[str, ...], path: Path) -> bool:
    try:
        run(*command, str(path))
    except UNSAID:
        raise
    except ToolError:
        return False
    return True

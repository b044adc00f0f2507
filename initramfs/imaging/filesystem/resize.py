"""Making a file system larger or smaller with its own tools, checked by them before and after.

``path`` is a block device as large as the partition. Nothing is done to a file system in which errors
are found. Whether it can be done at all is known before, see
:mod:`~initramfs.imaging.filesystem.limits`.
"""

from __future__ import annotations

import re
from pathlib import Path

from initramfs.imaging.device.loop import reading
from initramfs.imaging.device.mounting import mounted
from initramfs.imaging.errors import LayoutError, ToolError
from initramfs.imaging.filesystem import btrfs
from initramfs.imaging.filesystem.check import prove
from initramfs.imaging.filesystem.facts import facts_of
from initramfs.imaging.filesystem.limits import BTRFS_LEAST, SHRINKABLE, why_not_shrunk
from initramfs.imaging.run import run

EXT = ("ext2", "ext3", "ext4")
CORRECTED = 1
"""e2fsck's exit status for: errors were found and mended."""
KIB = 1 << 10
SLACK = 1 << 20
"""Added to what tools estimate: they round."""


def check_ext(path: Path) -> None:
    """What resize2fs and tune2fs want to have been done just before. Raises ToolError."""
    run("e2fsck", "-f", "-p", str(path), accept=(0, CORRECTED))


def grow(kind: str, path: Path) -> None:
    """Fill the device, and see that the file system is in order then. Raises ToolError."""
    rehearse(kind, path)
    enlarge(kind, path)


def rehearse(kind: str, path: Path) -> None:
    """Let a tool that can do so say what it would refuse; nothing is changed. Raises ToolError."""
    if kind == "ntfs":
        run("ntfsresize", *_NTFS, "--no-action", str(path))


def enlarge(kind: str, path: Path) -> None:
    """The second half of :func:`grow`: whatever fails in it may have left half of the work."""
    if kind in EXT:
        check_ext(path)
        run("resize2fs", str(path))
    elif kind == "ntfs":
        run("ntfsresize", *_NTFS, str(path))
    elif kind == "xfs":
        with mounted(path, kind) as place:
            run("xfs_growfs", "-d", str(place))
    elif kind == "btrfs":
        number = _device_number(path)
        with mounted(path, kind) as place:
            run("btrfs", "filesystem", "resize", f"{number}:max", str(place))
    else:
        raise ToolError(f"{kind or 'an unknown file system'} cannot be grown")
    prove(kind, path, resized=True)


# Without questions. The volume is left marked, so that Windows checks it once. Clusters that the old disk
# could not read stay marked, and stop nothing: this disk has others.
_NTFS = ("--force", "--force", "--no-progress-bar", "--bad-sectors")


def shrink(kind: str, path: Path, size: int) -> None:
    """Make the file system fit into the first ``size`` bytes, and see that it is in order then.

    Raises LayoutError: there is too much in it, ToolError.
    """
    least = minimum(kind, path)
    if size < least:
        raise LayoutError(
            f"the {kind} on {path} cannot be made smaller than {least} bytes, {size} were asked for",
            "remove files from it, or ask for more",
        )
    if kind in EXT:
        run("resize2fs", str(path), f"{size // KIB}K")
    elif kind == "ntfs":
        run("ntfsresize", *_NTFS, "--no-action", "--size", str(size), str(path))
        run("ntfsresize", *_NTFS, "--size", str(size), str(path))
    elif kind == "btrfs":
        number = _device_number(path)
        with mounted(path, kind) as place:
            run("btrfs", "filesystem", "resize", f"{number}:{size}", str(place))
    prove(kind, path, resized=True)


def tidy(kind: str, path: Path) -> None:
    """After shrinking, once the device ends with the file system: its last copy of the boot sector.

    The mark for a check by Windows is taken off: partclone believes no map of a marked volume, and
    ntfsresize has just checked it.
    """
    if kind == "ntfs":
        run("ntfsfix", "--clear-dirty", str(path))


def minimum(kind: str, path: Path) -> int:
    """About the smallest size, in bytes, that the file system can be shrunk to.

    Raises ToolError, LayoutError for one that cannot be made smaller.
    """
    with reading(path) as read:
        facts = facts_of(kind, read)
    if why := why_not_shrunk(kind, facts):
        raise cannot_shrink(kind, why)
    if kind in EXT:
        check_ext(path)
        block = int(_number(run("dumpe2fs", "-h", str(path)).stdout, r"Block size:\s+(\d+)"))
        return int(_number(run("resize2fs", "-P", str(path)).stdout, r"filesystem: (\d+)")) * block
    if kind == "ntfs":
        said = run("ntfsresize", *_NTFS, "--info", str(path)).stdout
        return int(_number(said, r"resize at (\d+) bytes|(?:volume size\s+: )(\d+)")) + SLACK
    number = str(_device_number(path))
    with mounted(path, kind) as place:
        said = run("btrfs", "inspect-internal", "min-dev-size", "--id", number, str(place)).stdout
    return max(BTRFS_LEAST, int(_number(said, r"(\d+) bytes")) + SLACK)


def cannot_shrink(kind: str, why: str) -> LayoutError:
    """The refusal to make ``kind`` smaller, with the reason."""
    hint = "ext2, ext3, ext4, NTFS and Btrfs can" if kind not in SHRINKABLE else "restore it to a larger disk"
    return LayoutError(f"{kind or 'an unknown file system'} cannot be made smaller: {why}", hint)


def _device_number(path: Path) -> int:
    """A Btrfs numbers its devices; one that others were taken from is not 1, and "max" alone means 1."""
    with reading(path) as read:
        return btrfs.device_number(read)


def _number(text: str, pattern: str) -> str:
    match = re.search(pattern, text)
    if match is None:
        raise ToolError(f"a tool said nothing like {pattern!r}: {text[-200:]!r}")
    return next(group for group in match.groups() if group)

"""Making a file system larger or smaller with its own tools, checked by them before.

``path`` is a block device as large as the partition. Nothing is done to a file system in which errors
are found.
"""

from __future__ import annotations

import re
from pathlib import Path

from initramfs.imaging.device.mounting import mounted
from initramfs.imaging.errors import LayoutError, ToolError
from initramfs.imaging.run import run

EXT = ("ext2", "ext3", "ext4")
CORRECTED = 1
"""e2fsck's exit status for: errors were found and mended."""
BTRFS_LEAST = 256 << 20
"""The kernel gives no Btrfs a smaller size, not even a growing one (fs/btrfs/ioctl.c, btrfs_ioctl_resize)."""
KIB = 1 << 10
SLACK = 1 << 20
"""Added to what tools estimate: they round."""


def check_ext(path: Path) -> None:
    """What resize2fs and tune2fs want to have been done just before. Raises ToolError."""
    run("e2fsck", "-f", "-p", str(path), accept=(0, CORRECTED))


def grow(kind: str, path: Path) -> None:
    """Fill the device. A file system that fills it already is left alone. Raises ToolError."""
    if kind in EXT:
        check_ext(path)
        run("resize2fs", str(path))
    elif kind == "ntfs":
        run("ntfsresize", *_NTFS, "--no-action", str(path))
        run("ntfsresize", *_NTFS, str(path))
    elif kind == "xfs":
        with mounted(path, kind) as place:
            run("xfs_growfs", "-d", str(place))
    elif kind == "btrfs":
        with mounted(path, kind) as place:
            run("btrfs", "filesystem", "resize", "max", str(place))
    else:
        raise ToolError(f"{kind or 'an unknown file system'} cannot be grown")


_NTFS = ("--force", "--force", "--no-progress-bar")
"""Without questions. The volume is left marked, so that Windows checks it once."""


def shrink(kind: str, path: Path, size: int) -> None:
    """Make the file system fit into the first ``size`` bytes.

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
        with mounted(path, kind) as place:
            run("btrfs", "filesystem", "resize", str(size), str(place))


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
    if kind in EXT:
        check_ext(path)
        block = int(_number(run("dumpe2fs", "-h", str(path)).stdout, r"Block size:\s+(\d+)"))
        return int(_number(run("resize2fs", "-P", str(path)).stdout, r"filesystem: (\d+)")) * block
    if kind == "ntfs":
        said = run("ntfsresize", *_NTFS, "--info", str(path)).stdout
        return int(_number(said, r"resize at (\d+) bytes|(?:volume size\s+: )(\d+)")) + SLACK
    if kind == "btrfs":
        with mounted(path, kind) as place:
            said = run("btrfs", "inspect-internal", "min-dev-size", str(place)).stdout
        return max(BTRFS_LEAST, int(_number(said, r"(\d+) bytes")) + SLACK)
    raise LayoutError(
        f"{kind or 'an unknown file system'} cannot be made smaller",
        "ext2, ext3, ext4, NTFS and Btrfs can",
    )


def _number(text: str, pattern: str) -> str:
    match = re.search(pattern, text)
    if match is None:
        raise ToolError(f"a tool said nothing like {pattern!r}: {text[-200:]!r}")
    return next(group for group in match.groups() if group)

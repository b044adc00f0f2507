"""What a program says when it fails becomes one sentence: its reason, and nothing around it."""

from __future__ import annotations

from pathlib import Path

import pytest

from initramfs.imaging.errors import ToolError, ToolKilledError, ToolMissingError
from initramfs.imaging.run import run
from initramfs.imaging.tool_words import reason
from tests.images.bad_clusters import mark_bad
from tests.images.filesystems import blank
from tests.lab import command

DIRTY_NTFS = """Partclone v0.3.23 http://partclone.org
Starting to map device (x) to domain log (y)
ntfsclone-ng.c: NTFS Volume 'x' is scheduled for a check or it was shutdown
uncleanly. Please boot Windows or fix it by fsck.
Partclone fail, please check log !
"""
DIRTY_NTFS_REASON = (
    "NTFS Volume 'x' is scheduled for a check or it was shutdown uncleanly. "
    "Please boot Windows or fix it by fsck"
)
DAMAGED = """Partclone v0.3.23 http://partclone.org
Starting to restore image (-) to device (x)
Calculating bitmap... Please wait...
done!
File system:  EXTFS
Device size:   25.2 MB = 24576 Blocks
Space in use:   3.0 MB = 2967 Blocks
Free Space:    22.1 MB = 21609 Blocks
Block size:   1024 Byte
CRC error, block_id=2047...
 Partclone fail, please check log !
"""

CHECKED = """Pass 1: Checking inodes, blocks, and sizes
Pass 5: Checking group summary information
Orphan file (inode 12) block 0 is not clean.
Clear? no

Failed to initialize orphan file.
Recreate? no

a.img: ********** WARNING: Filesystem still has errors **********
a.img: 12/16384 files (0.0% non-contiguous), 9545/65536 blocks
"""
CHECKED_REASON = "Orphan file (inode 12) block 0 is not clean; Failed to initialize orphan file"


def said(*words: str | Path) -> str:
    """The message of a command that fails."""
    with pytest.raises(ToolError) as caught:
        run(*map(str, words))
    assert "the command was: " in caught.value.hint
    return caught.value.message


def ntfs(path: Path) -> Path:
    """An empty one."""
    blank(path, 32)
    command.run("mkntfs", "-q", "-F", "-f", "-p", "2048", path)
    return path


def test_real_programs_that_fail(tmp_path: Path) -> None:
    """The sentences that people see, from the programs themselves."""
    noise, fs = tmp_path / "noise", ntfs(tmp_path / "ntfs")
    blank(noise, 32)
    assert said("resize2fs", noise) == (
        f"resize2fs: Bad magic number in super-block while trying to open {noise}"
    )
    assert said("xfs_logprint", "-t", noise) == "xfs_logprint: external log device not specified"
    assert said("btrfs", "check", noise) == f"btrfs: No valid Btrfs found on {noise}; cannot open file system"
    assert said("e2fsck", "-f", "-p", noise).startswith("e2fsck: Bad magic number in super-block")
    assert said("swaplabel", "-U", "1", noise) == f"swaplabel: {noise}: not a valid swap partition"
    assert said("ntfsinfo", "--mft", noise).startswith("ntfsinfo: NTFS signature is missing; Failed to mount")
    mark_bad(fs, 5000, 1)
    assert said("ntfsresize", "-f", "-f", "--no-progress-bar", "--no-action", "--size", "20000000", fs) == (
        "ntfsresize: This software has detected that the disk has at least 1 bad sector"
    )
    assert said("false") == "false: it failed with status 1, and said nothing"
    assert said("sh", "-c", "kill -9 $$") == "sh: it was ended by signal 9"


def test_partclone_is_told_from_its_progress(tmp_path: Path) -> None:
    """It writes over one line again and again, and its reason behind."""
    path = tmp_path / "image"
    blank(path, 64)
    command.run("mkfs.ext4", "-q", "-F", "-O", "bigalloc", path)
    where = ("-s", path, "-o", tmp_path / "map", "-L", tmp_path / "log")
    assert said("partclone.extfs", "-D", "-q", *where) == "partclone.extfs: bitmap error at 0 group"


def test_a_program_that_is_killed() -> None:
    """Another error too: it has said nothing of what it looked at."""
    with pytest.raises(ToolKilledError):
        run("sh", "-c", "kill -9 $$")


def test_a_program_that_is_missing() -> None:
    """Another error: nothing was looked at."""
    with pytest.raises(ToolMissingError, match="no-such-program is not installed"):
        run("no-such-program")


@pytest.mark.parametrize(
    ("tool", "out", "err", "expected"),
    [
        (
            "partclone.ntfs",
            "",
            DIRTY_NTFS,
            DIRTY_NTFS_REASON,
        ),
        ("partclone.restore", "", DAMAGED, "CRC error, block_id=2047"),
        ("e2fsck", CHECKED, "e2fsck 1.47.0 (5-Feb-2023)\n", CHECKED_REASON),
        ("tool", "", "Usage: tool [options]\n  -x  error: explains\n", ""),
        ("tool", "the reason\n", "", "the reason"),
        ("tool", "a\nb\nb\nc\nd\n", "", "a; b"),
        ("tool", "", "tool: \x1b[31mred\x1b[0m \x07\u202ebell\n", "red bell"),
        ("tool", "", "x" * 1000, "x" * 400),
        ("tool", "", "****\n* WARNING: old disk *\n====\n", ""),
    ],
)
def test_what_is_around_a_reason_is_left_out(tool: str, out: str, err: str, expected: str) -> None:
    """Banners, usage, boxes; what a terminal would obey."""
    assert reason(tool, out, err) == expected

"""Where files lie, in the words of their file systems' tools: what is not said plainly is not believed."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from initramfs.imaging.errors import ToolError, Unmapped
from initramfs.imaging.filesystem.file_map import (
    FileMap,
    Run,
    find_file,
    parse_debugfs,
    parse_ntfsinfo,
    parse_xfs_db,
)
from tests.images import filesystems
from tests.lab.command import run

UUID = "0b1f2f6a-3c8e-4b5e-9d53-0f5d2b7c1a11"

DEBUGFS = """\
debugfs: show_super_stats -h
Filesystem features:      has_journal extent
Block size:               1024
debugfs: stat /swapfile
Inode: 14   Type: regular    Mode:  0600   Flags: 0x80000
Generation: 0    Version: 0x00000000:00000000
User:     0   Group:     0   Project:     0   Size: 6000
Fragment:  Address: 0    Number: 0    Size: 0
EXTENTS:
(ETB0):33, (0-1):100-101, (3[u]):200, (4-5[u]):300-301
"""

XFS_DB = """\
blocksize = 4096
agblocks = 1000
core.mode = 0100600
core.realtime = 0
core.size = 20480
v3.reflink = 0
data offset 0 startblock 24 (0/24) count 2 flag 0
data offset 2 startblock 32792 (2/24) count 3 flag 1
"""

NTFSINFO = """\
	Cluster Size: 4096
Dumping attribute $DATA (0x80) from mft record 64 (0x40)
	Resident: 		 No
	Name length:		 0 (0x0)
	Attribute flags:	 0x0000
	Data size:		 12000 (0x2ee0)
	Allocated size:		 12288 (0x3000)
	Initialized size:	 12000 (0x2ee0)
	Runlist:	VCN		LCN		Length
			0x0		0x20		0x1
Dumping attribute $DATA (0x80) from mft record 65 (0x41)
	Resident: 		 No
	Name length:		 0 (0x0)
	Attribute flags:	 0x0000
	Runlist:	VCN		LCN		Length
			0x0		<RL_NOT_MAPPED>	0x1
			0x1		0x10		0x2
End of inode reached
"""


def test_debugfs_is_understood() -> None:
    """Blocks of the extent tree do not belong to the content; what was never written reads as zeros."""
    assert parse_debugfs(DEBUGFS) == FileMap(
        6000,
        (
            Run(0, 100 << 10, 2 << 10),
            Run(3 << 10, 200 << 10, 1 << 10, written=False),
            Run(4 << 10, 300 << 10, 2 << 10, written=False),
        ),
    )


def test_xfs_db_is_understood() -> None:
    """A block's number counts within its allocation group."""
    assert parse_xfs_db(XFS_DB) == FileMap(
        20480, (Run(0, 24 * 4096, 2 * 4096), Run(2 * 4096, 2024 * 4096, 3 * 4096, written=False))
    )


def test_ntfsinfo_is_understood() -> None:
    """Also where several records tell of one file."""
    assert parse_ntfsinfo(NTFSINFO) == FileMap(
        12000, (Run(0, 0x20 * 4096, 4096), Run(4096, 0x10 * 4096, 2 * 4096))
    )


PARSERS = {
    "debugfs": (parse_debugfs, DEBUGFS),
    "xfs": (parse_xfs_db, XFS_DB),
    "ntfs": (parse_ntfsinfo, NTFSINFO),
}


@pytest.mark.parametrize(
    ("tool", "was", "becomes"),
    [
        ("debugfs", "(0-1):100-101", "(0-1):100-102"),  # as many blocks as it has must lie somewhere
        ("debugfs", "(0-1):100-101", "(0-1):100"),
        ("debugfs", "(ETB0)", "(NEW0)"),
        ("debugfs", "EXTENTS:", "PIECES:"),
        ("debugfs", "Block size", "Grain"),
        ("debugfs", "extent\n", "extent shared_blocks\n"),
        ("debugfs", "0x80000", "0x80804"),  # compressed
        ("debugfs", "0x80000", "0x10000000"),  # in the inode
        ("xfs", "flag 1", "flag 2"),
        ("xfs", "(2/24)", "(?)"),
        ("xfs", "reflink = 0", "reflink = 1"),
        ("xfs", "realtime = 0", "realtime = 1"),
        ("xfs", "agblocks", "blocks"),
        ("ntfs", "0x20\t", "<HOLE>\t"),
        ("ntfs", "0x0\t\t0x20\t\t0x1\n", "0x0\t\t<RL_NOT_MAPPED>\t0x1\n"),
        ("ntfs", "0x10\t\t0x2", "0x10\t\t0x1"),  # less than is allocated
        ("ntfs", "0x0000", "0x0001"),
        ("ntfs", "0x0000", "0x8000"),
        ("ntfs", "\t\t No\n", "\t\t Yes\n"),
        ("ntfs", "Dumping", "Dumping attribute $REPARSE_POINT (0xc0)\nDumping"),
    ],
)
def test_what_is_not_said_plainly_is_not_believed(tool: str, was: str, becomes: str) -> None:
    """Shared, encoded, incomplete, or in words that a later version may use."""
    parse, said = PARSERS[tool]
    assert was in said
    with pytest.raises(Unmapped):
        parse(said.replace(was, becomes, 1))


def test_folders_and_links_are_no_files() -> None:
    """They are known, and have no content to leave out."""
    assert parse_debugfs(DEBUGFS.replace("Type: regular", "Type: symlink")) == FileMap(0, ())
    assert parse_xfs_db(XFS_DB.replace("0100600", "0040700")) == FileMap(0, ())


def test_a_named_stream_is_not_the_content() -> None:
    """NTFS keeps other things under a file's name."""
    stream = re.sub(r"Name length:\t\t 0", "Name length:\t\t 4", NTFSINFO.partition("Dumping")[2])
    assert parse_ntfsinfo(f"{NTFSINFO}Dumping{stream}") == parse_ntfsinfo(NTFSINFO)


def test_bytes_are_found_through_the_map() -> None:
    """Holes and what was never written are zeros."""
    disk = bytes(range(256)) * 4
    found = FileMap(50, (Run(0, 100, 10), Run(20, 200, 10, written=False), Run(30, 300, 40)))
    assert found.read(lambda at, length: disk[at : at + length], 64) == (
        disk[100:110] + bytes(20) + disk[300:320]
    )
    assert found.spans(5) == [(105, 110), (200, 210), (300, 340)]
    assert found.spans(35) == [(305, 340)]


@pytest.fixture
def linux(tmp_path: Path) -> Path:
    """A file system with a file, a folder, and links."""
    tree = tmp_path / "tree"
    (tree / "folder").mkdir(parents=True)
    (tree / "folder/file").write_bytes(b"content" * 1000)
    (tree / "direct").symlink_to("folder/file")
    (tree / "around").symlink_to("around")
    filesystems.ext4(tmp_path / "fs", 16, UUID, tree)
    return tmp_path / "fs"


def test_what_is_not_there_is_no_error(linux: Path) -> None:
    """Folders and links count as nothing."""
    assert find_file("ext4", linux, "/folder/file") is not None
    for path in ("/nothing", "/folder", "/folder/file/below", "/direct"):
        assert find_file("ext4", linux, path) is None


def test_answers_that_make_no_sense_are_not_believed(linux: Path) -> None:
    """A chain of links without an end, a partition that is no file system, a name that is a command."""
    for path in ("/around/file", "/folder/fi le", "/folder/file\nfreeb 1"):
        with pytest.raises(Unmapped):
            find_file("ext4", linux, path)
    for kind in ("ext4", "xfs", "ntfs"):
        with pytest.raises((Unmapped, ToolError)):
            find_file(kind, linux.with_name("tree") / "folder/file", "/swapfile")


def test_a_file_that_claims_a_block_twice_is_not_believed(linux: Path) -> None:
    """As on a damaged file system."""
    run("debugfs", "-w", "-f", "-", linux, stdin="write /dev/null twice\n")
    start = run("debugfs", "-R", "bmap /folder/file 0", linux).strip()
    fields = ["flags 0", "size 2048", f"block[0] {start}", f"block[1] {start}"]
    run("debugfs", "-w", "-f", "-", linux, stdin="".join(f"sif /twice {field}\n" for field in fields))
    with pytest.raises(Unmapped, match="same place"):
        find_file("ext4", linux, "/twice")

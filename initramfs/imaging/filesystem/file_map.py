"""Where the content of one file lies on its file system, as that file system's own tool tells.

Nothing is mounted: debugfs, xfs_db and ntfsinfo only read, and work on a partition that others hold
open. They are believed only as far as they speak plainly: what is encoded, shared with other files, or said
in words that are not known here raises :class:`Unmapped`. Parsing does no I/O. Knows nothing of swap.
"""

from __future__ import annotations

import re
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from initramfs.imaging.errors import Unmapped
from initramfs.imaging.label.model import Reader
from initramfs.imaging.run import run
from initramfs.imaging.spans import Span, merge

PLAIN = re.compile(r"(?=.{1,255}$)(?:/[A-Za-z0-9._+@-]+)+")
"""The paths that are asked for: the tools take their questions as a line of words."""
ABSENT = re.compile(r"File not found by ext2_lookup|No such file or directory|[Nn]ot a directory")


@dataclass(frozen=True, slots=True)
class Run:
    """``length`` bytes of a file from ``at``, which lie at ``start`` of the file system.

    Not ``written``: reserved, and read as zeros whatever lies there.
    """

    at: int
    start: int
    length: int
    written: bool = True


@dataclass(frozen=True, slots=True)
class FileMap:
    """A regular file of ``size`` bytes. Holes have no run."""

    size: int
    runs: tuple[Run, ...]

    def spans(self, first: int = 0) -> list[Span]:
        """Where its bytes from ``first`` on lie, sorted."""
        ends = [(run.start + max(first - run.at, 0), run.start + run.length) for run in self.runs]
        return merge(ends, max((end for _, end in ends), default=0))

    def read(self, read: Reader, length: int) -> bytes:
        """Its first ``length`` bytes, through a reader that starts at the file system."""
        content = bytearray(min(length, self.size))
        for run_ in self.runs:
            count = min(run_.length, len(content) - run_.at)
            if count > 0 and run_.written:
                content[run_.at : run_.at + count] = read(run_.start, count)
        return bytes(content)


def find_file(kind: str, part: Path, path: str) -> FileMap | None:
    """The regular file ``path`` of the ``kind`` (one of FILE_MAP_TOOLS) on ``part``; None if there is none.

    Raises Unmapped, ToolError.
    """
    if not PLAIN.fullmatch(path):
        raise Unmapped("its name is not plain")
    tool = FILE_MAP_TOOLS[kind]
    done = run(*tool.command(path), str(part), accept=(0, 1), stdin=tool.stdin(path))
    found = tool.parse(done.stdout)
    if found is None and not ABSENT.search(done.stdout + done.stderr):
        said = " | ".join((done.stderr or done.stdout).strip().splitlines()[-2:])
        raise Unmapped(f"{tool.words[0]} says nothing of it that makes sense: {said[-200:]}")
    if found is None or not found.runs:
        return None
    _check(found)
    return found


def _check(found: FileMap) -> None:
    """No byte of the file system is in it twice."""
    in_order = sorted(found.runs, key=lambda run: run.start)
    if any(one.start + one.length > two.start for one, two in pairwise(in_order)):
        raise Unmapped("parts of it lie at the same place")


# --- ext2, ext3, ext4: debugfs ---------------------------------------------------------------------------

_EXT_RUN = re.compile(r"\((\d+)(?:-(\d+))?(\[u\])?\):(\d+)(?:-(\d+))?")
_EXT_TREE = re.compile(r"\((?:ETB\d+|[DT]?IND)\):\d+")
"""Blocks of the map itself; they stay."""
_EXT_ODD = 0x4 | 0x800 | 0x100000 | 0x10000000
"""fs/ext4/ext4.h: compressed, encrypted, with fs-verity's tree behind its end, kept in the inode."""


def parse_debugfs(said: str) -> FileMap | None:
    """What ``show_super_stats -h`` and ``stat`` say. None: no regular file. Raises Unmapped."""
    if not re.search(r"^Inode: \d+ +Type: regular ", said, re.MULTILINE):
        return FileMap(0, ()) if re.search(r"^Inode: \d+ +Type: ", said, re.MULTILINE) else None
    if re.search(r"^Filesystem features:.*\bshared_blocks\b", said, re.MULTILINE):
        raise Unmapped("files of this file system share blocks")
    if int(_field(said, r"Flags: 0x([0-9a-f]+)$"), 16) & _EXT_ODD:
        raise Unmapped("it is encoded")
    block, size = int(_field(said, r"^Block size: +(\d+)$")), int(_field(said, r"^User: .* Size: (\d+)$"))
    listed = _field(said, r"^(?:EXTENTS|BLOCKS):\n(.*)$")
    return FileMap(size, tuple(_ext_runs(listed, block)))


def _ext_runs(listed: str, block: int) -> Iterator[Run]:
    for word in filter(None, listed.strip().split(", ")):
        row = _EXT_RUN.fullmatch(word)
        if row is None:
            if _EXT_TREE.fullmatch(word):
                continue
            raise Unmapped(f"debugfs says {word!r} of it")
        first, start = int(row[1]), int(row[4])
        count = int(row[2] or first) - first + 1
        if count != int(row[5] or start) - start + 1:
            raise Unmapped(f"debugfs says {word!r} of it")
        yield Run(first * block, start * block, count * block, written=not row[3])


# --- XFS: xfs_db -----------------------------------------------------------------------------------------

_XFS_RUN = re.compile(r"data offset (\d+) startblock \d+ \((\d+)/(\d+)\) count (\d+) flag ([01])")


def parse_xfs_db(said: str) -> FileMap | None:
    """What ``print`` says of superblock and inode, then ``bmap -d``. None: nothing of a file.

    Raises Unmapped.
    """
    if "core.mode = " not in said:
        return None
    if not stat.S_ISREG(int(_field(said, r"^core\.mode = (\d+)$"), 8)):
        return FileMap(0, ())
    if re.search(r"^core\.realtime = 1$", said, re.MULTILINE):
        raise Unmapped("it lies on a realtime device")
    # Older inodes cannot share blocks and have no such field.
    if re.search(r"^v3\.reflink = (?!0$)", said, re.MULTILINE):
        raise Unmapped("it shares blocks with other files, or did")
    block, group = int(_field(said, r"^blocksize = (\d+)$")), int(_field(said, r"^agblocks = (\d+)$"))
    rows = [line for line in said.splitlines() if line.startswith("data offset")]
    return FileMap(int(_field(said, r"^core\.size = (\d+)$")), tuple(_xfs_runs(rows, block, group)))


def _xfs_runs(rows: list[str], block: int, group: int) -> Iterator[Run]:
    """A block is named by its allocation group and its number in it."""
    for line in rows:
        row = _XFS_RUN.fullmatch(line.rstrip())
        if row is None:
            raise Unmapped(f"xfs_db says {line!r} of it")
        offset, number, inside, count, flag = map(int, row.groups())
        yield Run(offset * block, (number * group + inside) * block, count * block, written=not flag)


# --- NTFS: ntfsinfo --------------------------------------------------------------------------------------

_NTFS_RUN = re.compile(r"^\t+0x([0-9a-f]+)\t+(0x[0-9a-f]+|<\w+>)\t+0x([0-9a-f]+)$", re.MULTILINE)
_NTFS_ELSEWHERE = "<RL_NOT_MAPPED>"
"""Stands for what other records of the same file tell."""


def parse_ntfsinfo(said: str) -> FileMap | None:
    """What ``--mft --verbose --file`` says. None: nothing of a file. Raises Unmapped."""
    attributes = said.split("Dumping attribute ")[1:]
    if not attributes:
        return None
    if any(text.startswith("$REPARSE_POINT") for text in attributes):
        raise Unmapped("it is a reparse point")
    content = [t for t in attributes if t.startswith("$DATA ") and re.search(r"Name length:\s+0 ", t)]
    if any(not re.search(r"Attribute flags:\s+0x0000$", t, re.MULTILINE) for t in content):
        raise Unmapped("it is compressed, encrypted or sparse")
    if not content or any(not re.search(r"Resident:\s+No$", t, re.MULTILINE) for t in content):
        raise Unmapped("it lies in its record")
    cluster = int(_field(said, r"Cluster Size: (\d+)$"))
    size = int(_field(content[0], r"Data size:\s+(\d+) "))
    written = int(_field(content[0], r"Initialized size:\s+(\d+) ")) > 0
    runs = tuple(run for text in content for run in _ntfs_runs(text, cluster, written=written))
    allocated = int(_field(content[0], r"Allocated size:\s+(\d+) "))
    ends = [run.at + run.length for run in runs]
    if [*(run.at for run in runs), allocated] != [0, *ends]:
        raise Unmapped("ntfsinfo does not tell where all of it lies")
    return FileMap(size, runs)


def _ntfs_runs(text: str, cluster: int, *, written: bool) -> Iterator[Run]:
    for first, start, count in _NTFS_RUN.findall(text):
        if start == _NTFS_ELSEWHERE:
            continue
        if not start.startswith("0x"):
            raise Unmapped(f"ntfsinfo says {start!r} of it")
        yield Run(int(first, 16) * cluster, int(start, 16) * cluster, int(count, 16) * cluster, written)


def _field(said: str, pattern: str) -> str:
    found = re.search(pattern, said, re.MULTILINE)
    if found is None:
        raise Unmapped(f"its file system's tool says nothing like {pattern!r}")
    return found[1]


@dataclass(frozen=True, slots=True)
class FileMapTool:
    """The tool that tells where a file of a file system lies, and how its answer is understood.

    Attributes:
        words: the command, the partition will be its last word; ``PATH`` stands for the file's path.
        parse: its answer; None if that speaks of no file, a map without runs for folders and the like.
        questions: for its standard input, a line each, with ``PATH`` too.
    """

    words: tuple[str, ...]
    parse: Callable[[str], FileMap | None]
    questions: tuple[str, ...] = ()

    def command(self, path: str) -> list[str]:
        """The command that asks for ``path``; the partition is still to be added."""
        return [word.replace("PATH", path) for word in self.words]

    def stdin(self, path: str) -> str:
        """What it reads from its standard input."""
        return "".join(f"{question.replace('PATH', path)}\n" for question in self.questions)


DEBUGFS = FileMapTool(("debugfs", "-f", "-"), parse_debugfs, ("show_super_stats -h", "stat PATH"))
XFS_DB = FileMapTool(
    ("xfs_db", "-r", "-c", "sb 0", "-c", "print", "-c", "path PATH", "-c", "print", "-c", "bmap -d"),
    parse_xfs_db,
)
NTFSINFO = FileMapTool(("ntfsinfo", "--mft", "--verbose", "--file", "PATH"), parse_ntfsinfo)
FILE_MAP_TOOLS = {"ext2": DEBUGFS, "ext3": DEBUGFS, "ext4": DEBUGFS, "xfs": XFS_DB, "ntfs": NTFSINFO}
"""By blkid's name of the file system."""

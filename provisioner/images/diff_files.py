"""What differs between two mounted file systems, file by file.

A file is changed if its type, size, mode, owner or content differs; not if only its times do. Content
is read only where it must be: a file whose blocks lie in the same places in both, and none of them in a
range that differs between the images, is the same without being read.
"""

from __future__ import annotations

import os
import stat
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from initramfs.imaging.spans import Span
from provisioner.images.browse.extents import extents_of, spans_of

BLOCK = 1 << 20


@dataclass(frozen=True, slots=True)
class FileDiff:
    """One path, from the root of the file system. ``how`` is added, removed or changed; sizes in bytes."""

    how: str
    path: str
    old_size: int
    new_size: int


@dataclass(frozen=True, slots=True)
class Tree:
    """A mounted file system, and what of it differs from the other one."""

    root: Path
    changed: list[Span]

    def entries(self) -> dict[str, os.stat_result]:
        """Everything below the root, by its path; symbolic links are not followed."""
        return {str(path.relative_to(self.root)): path.lstat() for path in _walk(self.root)}


def diff_trees(old: Tree, new: Tree) -> Iterator[FileDiff]:
    """What was added, removed and changed, by path. Raises OSError where a chunk cannot be had."""
    before, after = old.entries(), new.entries()
    for path in sorted({*before, *after}):
        was, now = before.get(path), after.get(path)
        if was is None or now is None:
            how = "added" if was is None else "removed"
            yield FileDiff(how, path, _size(was), _size(now))
        elif _facts(was) != _facts(now) or not _same_content(old, new, path, was):
            yield FileDiff("changed", path, _size(was), _size(now))


def _walk(folder: Path) -> Iterator[Path]:
    for entry in os.scandir(folder):
        yield Path(entry.path)
        if entry.is_dir(follow_symlinks=False):
            yield from _walk(Path(entry.path))


def _size(status: os.stat_result | None) -> int:
    return status.st_size if status and stat.S_ISREG(status.st_mode) else 0


def _facts(status: os.stat_result) -> tuple[int, ...]:
    return status.st_mode, status.st_uid, status.st_gid, status.st_rdev, _size(status)


def _same_content(old: Tree, new: Tree, path: str, status: os.stat_result) -> bool:
    one, other = old.root / path, new.root / path
    if stat.S_ISLNK(status.st_mode):
        return one.readlink() == other.readlink()
    if not stat.S_ISREG(status.st_mode) or not status.st_size:
        return True
    return _same_blocks(old, new, path) or _read_same(one, other)


def _same_blocks(old: Tree, new: Tree, path: str) -> bool:
    """Whether both lie in the same blocks, which are the same in both images by their hashes."""
    one, other = extents_of(old.root / path), extents_of(new.root / path)
    if one is None or one != other:
        return False
    return not any(_touches(span, old.changed) or _touches(span, new.changed) for span in spans_of(one))


def _touches(span: Span, spans: list[Span]) -> bool:
    at = bisect_right(spans, span[0], key=lambda other: other[0])
    before = at > 0 and spans[at - 1][1] > span[0]
    return before or (at < len(spans) and spans[at][0] < span[1])


def _read_same(one: Path, other: Path) -> bool:
    with one.open("rb") as first, other.open("rb") as second:
        while True:
            block = first.read(BLOCK)
            if block != second.read(BLOCK):
                return False
            if not block:
                return True

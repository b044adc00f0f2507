"""What may lie on a disk after a loss of power: everything that a sync covered, and anything of the rest.

The rules are POSIX's, which promise less than ext4 or XFS keep: fsync(2) of a file covers its bytes and not
its name; fsync(2) of a folder covers the names in it; syncfs(2) covers everything before it. What no sync
covered may be there, be lost, or be torn, in any order.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from enum import Enum, auto

from tests.lab.durability.recorder import Recording
from tests.lab.durability.tree import (
    Link,
    Operation,
    Rename,
    Sync,
    Tree,
    Truncate,
    Unlink,
    Write,
    overwrite,
    resize,
)


class Fate(Enum):
    """What became of an operation that no sync covered."""

    KEPT = auto()
    LOST = auto()
    ZEROS = auto()
    """The file has its size and not its bytes: the metadata was faster."""
    TORN = auto()


def after_cut(recording: Recording, instant: int, rng: random.Random, samples: int = 3) -> Iterator[Tree]:
    """Trees that the power may leave if it fails after so many operations: the extremes, some at random."""
    done = recording.operations[:instant]
    open_ends = [number for number, covered in enumerate(_covered(done)) if not covered]
    fates: list[dict[int, Fate]] = [
        dict.fromkeys(open_ends, Fate.KEPT),
        dict.fromkeys(open_ends, Fate.LOST),
        {number: Fate.LOST for number in open_ends if isinstance(done[number], Write)},
        {number: Fate.ZEROS for number in open_ends if isinstance(done[number], Write)},
    ]
    fates += [{number: _fate(done[number], rng) for number in open_ends} for _ in range(samples)]
    for each in fates:
        yield _replay(recording.before, done, each)


def _fate(operation: Operation, rng: random.Random) -> Fate:
    return rng.choice(tuple(Fate) if isinstance(operation, Write) else (Fate.KEPT, Fate.LOST))


def _covered(done: Sequence[Operation]) -> list[bool]:
    """Whether each operation is certainly durable, seen from the end."""
    synced: set[int] = set()
    everything = False
    found: list[bool] = []
    for operation in reversed(done):
        if isinstance(operation, Sync):
            everything = everything or operation.node is None
            synced |= {operation.node} if operation.node is not None else set()
        found.append(everything or bool(synced & _covered_by(operation)))
    return found[::-1]


def _covered_by(operation: Operation) -> set[int]:
    """The nodes whose fsync covers an operation. A rename is one transaction of both of its folders."""
    match operation:
        case Link(parent) | Unlink(parent):
            return {parent}
        case Rename(source, target):
            return {source[0], target[0]}
        case Write(node) | Truncate(node):
            return {node}
        case Sync():
            return set()


def _replay(before: Tree, done: Sequence[Operation], fates: dict[int, Fate]) -> Tree:
    tree = before.copy()
    for number, operation in enumerate(done):
        _apply(tree, operation, fates.get(number, Fate.KEPT))
    return tree


def _apply(tree: Tree, operation: Operation, fate: Fate) -> None:
    match operation:
        case Link(_, _, node, folder):  # the node can be reached by a later rename that was not lost
            if folder:
                tree.folders.setdefault(node, {})
            else:
                tree.files.setdefault(node, bytearray())
            if fate is not Fate.LOST:
                tree.folders[operation.parent][operation.name] = node
        case Unlink(parent, name) if fate is not Fate.LOST:
            tree.folders[parent].pop(name, None)
        case Rename(source, target, node) if fate is not Fate.LOST:
            if tree.folders[source[0]].get(source[1]) == node:
                del tree.folders[source[0]][source[1]]
            tree.folders[target[0]][target[1]] = node
        case Truncate(node, size) if fate is not Fate.LOST:
            resize(tree.files[node], size)
        case Write(node, offset, data) if fate is not Fate.LOST:
            overwrite(tree.files[node], offset, _kept(data, fate))
        case _:
            pass


def _kept(data: bytes, fate: Fate) -> bytes:
    match fate:
        case Fate.ZEROS:
            return bytes(len(data))
        case Fate.TORN:
            return data[: len(data) // 2]
        case _:
            return data

"""What a program changes below a folder, and what it makes durable, system call by system call.

strace(1) writes it down, so it is the real program with its threads and children that is recorded, whatever
library makes its calls. ``power_cut`` says what a loss of power may leave of it.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.lab.durability.tree import (
    ROOT,
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

CALLS = (
    "openat,creat,write,pwrite64,writev,pwritev,pwritev2,rename,renameat,renameat2,mkdir,mkdirat,unlink,unlinkat,"
    "rmdir,truncate,ftruncate,fsync,fdatasync,syncfs,sync,sync_file_range,link,linkat,symlink,symlinkat,fallocate,"
    "copy_file_range,sendfile,splice"
)
LONGEST_WRITE = 1 << 24
"""Bytes of one call that strace writes down; a longer one is an error here, not a shorter record."""

_LINE = re.compile(r"\d+ +(\w+)\((.*)\) += (\d+)(?:<((?:\\x[0-9a-f]{2})*)>)?$")
_TEXT = re.compile(r'"((?:\\x[0-9a-f]{2})*)"(\.\.\.)?|<((?:\\x[0-9a-f]{2})*)>')


class UnknownCallError(Exception):
    """A call that changes a file in a way that this recorder cannot follow."""


@dataclass(frozen=True, slots=True)
class Recording:
    """The tree before, and everything that was done to it, in the order in which the calls returned."""

    before: Tree
    operations: tuple[Operation, ...]


def record(command: Sequence[str | Path], folder: Path, log: Path) -> Recording:
    """Run a command to its good end and write down what it does below ``folder``.

    Raises CalledProcessError if it fails, UnknownCallError if a call cannot be followed.
    """
    before = Tree.read_from(folder)
    options = ("-f", "-qq", "-y", "-xx", "-s", str(LONGEST_WRITE), "-e", f"trace={CALLS}")
    quiet = ("-e", "status=successful", "-e", "signal=none", "-o", log)
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
    subprocess.run(("strace", *options, *quiet, *command), check=True, env=environment, stdout=sys.stderr)
    with log.open() as lines:
        return Recording(before, tuple(_Follower(folder.resolve(), before.copy()).operations(lines)))


class _Follower:
    """Turns the lines into operations on numbered nodes, by doing what they say to a tree of its own."""

    def __init__(self, root: Path, tree: Tree) -> None:
        self._root, self._tree = root, tree
        self._from_the_start: set[int] = set()

    def operations(self, lines: Iterator[str] | Sequence[str]) -> Iterator[Operation]:
        for line in lines:
            parsed = _LINE.match(line.rstrip("\n"))
            if parsed is None:
                raise UnknownCallError(line)
            call, arguments, status, result = parsed.groups()
            yield from self._call(call, arguments, int(status), _decoded(result or ""))

    def _call(self, call: str, arguments: str, status: int, result: bytes) -> Iterator[Operation]:
        if call in ("sync", "syncfs"):
            yield Sync()
            return
        texts = [_decoded(quoted or shown) for quoted, _, shown in _TEXT.findall(arguments)]
        flags = _TEXT.sub("", arguments)
        paths = self._paths(call, texts, result)
        if not any(paths):
            return
        if call in ("openat", "creat"):
            yield from self._open(paths[0], flags if call == "openat" else "O_CREAT|O_TRUNC")
        elif call.startswith("mkdir"):
            yield self._add(paths[0], folder=True)
        elif call.startswith("rename"):
            yield self._rename(*paths)
        elif call in ("link", "linkat"):
            yield self._link(*paths)
        elif call in ("unlink", "unlinkat", "rmdir"):
            yield self._unlink(paths[0])
        elif node := self._node(paths[0]):
            yield from self._content(call, node, texts, flags, status)
        elif call in ("fsync", "fdatasync"):  # the watched folder itself, which is node 0
            yield Sync(ROOT)

    def _content(
        self, call: str, node: int, texts: Sequence[bytes], flags: str, status: int
    ) -> Iterator[Operation]:
        match call:
            case "fsync" | "fdatasync":
                yield Sync(node)
            case "truncate" | "ftruncate":
                size = int(flags.rpartition(",")[2])
                resize(self._tree.files[node], size)
                yield Truncate(node, size)
            case "write" | "pwrite64":
                if call == "write" and node in self._from_the_start:
                    raise UnknownCallError("write(2) into a file that was there: where to?")
                end = len(self._tree.files[node])
                offset = int(flags.rpartition(",")[2]) if call == "pwrite64" else end
                data = texts[1][:status]
                if len(data) != status:
                    raise UnknownCallError(f"only {len(data)} of {status} bytes were recorded")
                overwrite(self._tree.files[node], offset, data)
                yield Write(node, offset, data)
            case _:
                raise UnknownCallError(call)

    def _open(self, path: Path, flags: str) -> Iterator[Operation]:
        node = self._node(path)
        if node is None and "O_CREAT" in flags:
            yield self._add(path, folder=False)
        elif node in self._tree.files and "O_RDONLY" not in flags:
            if "O_TRUNC" in flags:
                self._tree.files[node].clear()
                yield Truncate(node, 0)
            elif "O_APPEND" not in flags:
                self._from_the_start.add(node)

    def _add(self, path: Path, *, folder: bool) -> Link:
        parent, name = self._place(path)
        node = self._tree.new_node()
        if folder:
            self._tree.folders[node] = {}
        else:
            self._tree.files[node] = bytearray()
        self._tree.folders[parent][name] = node
        return Link(parent, name, node, folder)

    def _link(self, source: Path, target: Path) -> Link:
        old, new = self._place(source), self._place(target)
        node = self._tree.folders[old[0]][old[1]]
        self._tree.folders[new[0]][new[1]] = node
        return Link(*new, node, folder=False)

    def _unlink(self, path: Path) -> Unlink:
        parent, name = self._place(path)
        del self._tree.folders[parent][name]
        return Unlink(parent, name)

    def _rename(self, source: Path, target: Path) -> Rename:
        old, new = self._place(source), self._place(target)
        node = self._tree.folders[old[0]].pop(old[1])
        self._tree.folders[new[0]][new[1]] = node
        return Rename(old, new, node)

    def _paths(self, call: str, texts: Sequence[bytes], result: bytes) -> list[Path]:
        """Those below the watched folder, without its own; a call on others changes nothing here."""
        names = [Path(os.fsdecode(text)) for text in texts]
        if call == "openat":
            names = [Path(os.fsdecode(result))]
        elif call.endswith("at") or call == "renameat2":
            names = [folder / name for folder, name in zip(names[::2], names[1::2], strict=True)]
        elif call not in ("rename", "link"):
            names = names[:1]
        inside = [name for name in names if name.is_relative_to(self._root)]
        if inside and len(inside) != len(names):
            raise UnknownCallError(f"{call} into or out of the watched folder")
        return inside

    def _place(self, path: Path) -> tuple[int, str]:
        parent = self._node(path.parent)
        if parent is None:
            raise UnknownCallError(f"the folder of {path} was made unseen")
        return parent, path.name

    def _node(self, path: Path) -> int | None:
        node = ROOT
        for name in path.relative_to(self._root).parts:
            found = self._tree.folders.get(node, {}).get(name)
            if found is None:
                return None
            node = found
        return node


def _decoded(text: str) -> bytes:
    return bytes.fromhex(text.replace("\\x", ""))

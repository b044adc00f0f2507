"""Files and folders below one folder, and the operations that change them or make them durable.

Nodes have numbers, so that a rename keeps what was written, and a name that is lost does not lose the bytes.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

ROOT = 0
"""The node of the folder itself."""


@dataclass(frozen=True, slots=True)
class Link:
    """A name for a new file or folder, or another name of a file."""

    parent: int
    name: str
    node: int
    folder: bool


@dataclass(frozen=True, slots=True)
class Unlink:
    """A name goes."""

    parent: int
    name: str


@dataclass(frozen=True, slots=True)
class Rename:
    """A name goes, and the same node has another one: both or neither."""

    source: tuple[int, str]
    target: tuple[int, str]
    node: int


@dataclass(frozen=True, slots=True)
class Write:
    """Bytes of a file."""

    node: int
    offset: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Truncate:
    """A file's new size."""

    node: int
    size: int


@dataclass(frozen=True, slots=True)
class Sync:
    """fsync(2) of one node; of the whole file system without one, as syncfs(2)."""

    node: int | None = None


Operation = Link | Unlink | Rename | Write | Truncate | Sync


@dataclass(slots=True)
class Tree:
    """Files and folders by number; 0 is the folder that is watched."""

    folders: dict[int, dict[str, int]] = field(default_factory=lambda: {ROOT: {}})
    files: dict[int, bytearray] = field(default_factory=dict)

    def copy(self) -> Tree:
        """Another one that can be changed."""
        return Tree(
            {node: dict(names) for node, names in self.folders.items()},
            {node: bytearray(data) for node, data in self.files.items()},
        )

    def write_to(self, folder: Path, node: int = ROOT) -> None:
        """Make this tree in an empty folder."""
        for name, child in self.folders[node].items():
            if child in self.folders:
                (folder / name).mkdir()
                self.write_to(folder / name, child)
            elif child in self.files:
                (folder / name).write_bytes(self.files[child])

    @classmethod
    def read_from(cls, folder: Path) -> Tree:
        """What a folder holds now."""
        tree = cls()
        tree._read(folder, ROOT)
        return tree

    def _read(self, folder: Path, node: int) -> None:
        for path in sorted(folder.iterdir()):
            child = self.new_node()
            self.folders[node][path.name] = child
            if path.is_dir():
                self.folders[child] = {}
                self._read(path, child)
            else:
                self.files[child] = bytearray(path.read_bytes())

    def new_node(self) -> int:
        """A number that no node has had."""
        return len(self.folders) + len(self.files)


def overwrite(file: bytearray, offset: int, data: bytes) -> None:
    """As pwrite(2)."""
    resize(file, max(len(file), offset + len(data)))
    file[offset : offset + len(data)] = data


def resize(file: bytearray, size: int) -> None:
    """As ftruncate(2)."""
    del file[size:]
    file.extend(bytes(size - len(file)))

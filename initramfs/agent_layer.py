"""The layer that changes with every commit: our Python, and the few files of our own.

Packs the agent's source as files; must not import it.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from initramfs import bytecode, cpio, tree

HERE = Path(__file__).parent
FILES = HERE / "files"
HOME = "usr/lib/clonesys"


def source_files() -> list[Path]:
    """Everything that goes into the layer, in a fixed order."""
    agent = [HERE / "__init__.py", *HERE.glob("agent/**/*.py")]
    return sorted([*agent, *(path for path in FILES.rglob("*") if path.is_file())])


def agent_entries() -> Iterator[cpio.Entry]:
    """The layer as archive entries."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        for source in source_files():
            target = root / _place(source)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)
        bytecode.compile_tree(root, [HOME])
        yield from tree.entries(root)


def _place(source: Path) -> Path:
    if source.is_relative_to(FILES):
        return source.relative_to(FILES)
    return Path(HOME, "initramfs", source.relative_to(HERE))

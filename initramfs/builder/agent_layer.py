"""The layer that changes with every commit: our Python, and the few files of our own.

Packs the agent's source as files; must not import it.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from initramfs.builder import bytecode, cpio, tree

ROOT = Path(__file__).parent.parent
FILES = Path(__file__).with_name("files")
HOME = "usr/lib/clonesys"
ROOMS = ("agent", "imaging", "messages")
"""Of the package ``initramfs``, what is packed. The builder itself is not."""


def source_files() -> list[Path]:
    """Everything that goes into the layer, in a fixed order."""
    modules = [*ROOT.glob("*.py"), *(path for room in ROOMS for path in (ROOT / room).rglob("*.py"))]
    ours = [path for path in modules if path.name != "__main__.py"]
    return sorted([*ours, *(path for path in FILES.rglob("*") if path.is_file())])


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
    return Path(HOME, "initramfs", source.relative_to(ROOT))

"""Python in the image is bytecode: Debian's, and the layer of our own that changes with every commit.

Bytecode starts faster than source, and half as much is unpacked. It is only as reproducible
as the process that makes it: it depends on the hash seed and on what was compiled before. So
every tree is compiled by a process of its own, in sorted order, with a fixed seed. That must be
the interpreter version of the image; nothing of the image itself is run.

Packs the agent's source as files; must not import it.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from initramfs.builder import archive, tree
from initramfs.builder.errors import BuildError
from initramfs.builder.run import run

ROOT = Path(__file__).parent.parent
FILES = Path(__file__).with_name("files")
HOME = "usr/lib/clonesys"
ROOMS = ("agent", "imaging", "messages")
"""Of the package ``initramfs``, what is packed. The builder itself is not."""


def source_files() -> list[Path]:
    """Everything that goes into the agent's layer, in a fixed order."""
    modules = [*ROOT.glob("*.py"), *(path for room in ROOMS for path in (ROOT / room).rglob("*.py"))]
    ours = [path for path in modules if path.name != "__main__.py"]
    return sorted([*ours, *(path for path in FILES.rglob("*") if path.is_file())])


def agent_entries() -> Iterator[archive.Entry]:
    """The agent's layer as archive entries: our Python, and the few files of our own."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        for source in source_files():
            target = root / _place(source)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)
        compile_tree(root, [HOME])
        yield from tree.entries(root)


def compile_tree(root: Path, folders: Iterable[str]) -> None:
    """Replace each ``x.py`` below ``folders`` (relative to ``root``) by an ``x.pyc`` beside it.

    Beside and not in ``__pycache__``: Python takes such a file without looking for its source.
    """
    below = [root / folder for folder in folders]
    run(
        [
            *(sys.executable, "-s", "-S", "-m", "compileall", "-q", "-b"),
            *("--invalidation-mode", "unchecked-hash", "-s", root, "-p", "/"),
            *below,
        ],
        env={"PYTHONHASHSEED": "0", "PYTHONPATH": ""},
    )
    for folder in below:
        for source in folder.rglob("*.py"):
            source.unlink()


def check_version(root: Path) -> None:
    """Raises BuildError if the image's Python is not the version that runs this."""
    ours = f"python{sys.version_info.major}.{sys.version_info.minor}"
    if not (root / "usr/bin" / ours).exists():
        theirs = sorted(path.name for path in (root / "usr/bin").glob("python3.*"))
        raise BuildError(
            f"the image holds {', '.join(theirs) or 'no Python'}, but the builder runs under {ours}",
            "run the builder with the Python of the Debian release that it builds from",
        )


def _place(source: Path) -> Path:
    if source.is_relative_to(FILES):
        return source.relative_to(FILES)
    return Path(HOME, "initramfs", source.relative_to(ROOT))

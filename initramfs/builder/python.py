"""Python source in the image becomes bytecode: it starts faster, and half as much is unpacked.

Bytecode is only as reproducible as the process that makes it: it depends on the
hash seed and on what was compiled before. So every tree is compiled by a process
of its own, in sorted order, with a fixed seed. It must be the interpreter version
of the image; nothing of the image itself is run.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path

from initramfs.builder.errors import BuildError
from initramfs.builder.run import run


def compile_tree(tree: Path, folders: Iterable[str]) -> None:
    """Replace each ``x.py`` below ``folders`` (relative to ``tree``) by an ``x.pyc`` beside it.

    Beside and not in ``__pycache__``: Python takes such a file without looking for its source.
    """
    below = [tree / folder for folder in folders]
    run(
        [
            *(sys.executable, "-s", "-S", "-m", "compileall", "-q", "-b"),
            *("--invalidation-mode", "unchecked-hash", "-s", tree, "-p", "/"),
            *below,
        ],
        env={"PYTHONHASHSEED": "0", "PYTHONPATH": ""},
    )
    for folder in below:
        for source in folder.rglob("*.py"):
            source.unlink()


def check_version(tree: Path) -> None:
    """Raises BuildError if the image's Python is not the version that runs this."""
    ours = f"python{sys.version_info.major}.{sys.version_info.minor}"
    if not (tree / "usr/bin" / ours).exists():
        theirs = sorted(path.name for path in (tree / "usr/bin").glob("python3.*"))
        raise BuildError(
            f"the image holds {', '.join(theirs) or 'no Python'}, but the builder runs under {ours}",
            "run the builder with the Python of the Debian release that it builds from",
        )

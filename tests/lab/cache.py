"""Things that take long to make and depend only on their recipe are made once.

They lie under ``build/cache`` as ``name-<digest of the recipe>``; ``make clean`` forgets them.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

from initramfs.builder.build import locked

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

ROOT = Path(__file__).resolve().parents[2]
"""The repository."""
BUILD = ROOT / "build"
"""Where everything made goes; nothing in it is worth keeping."""
KEPT = 3
"""How many versions of a thing stay in the cache."""


def cached(name: str, recipe: tuple[str | Path, ...], make: Callable[[Path], None]) -> Path:
    """The file that ``make(path)`` writes, from the cache if its recipe has not changed.

    A recipe is words and paths: a file counts by its content, a folder by those of its files.
    Two processes that want the same thing wait for each other; a maker that was cut leaves nothing.
    """
    target = BUILD / "cache" / f"{name}-{digest(*recipe)[:16]}"
    target.parent.mkdir(parents=True, exist_ok=True)
    with locked(target.with_name(f".{target.name}.lock")):
        if not target.exists():
            unfinished = target.with_name(f".{target.name}.unfinished")
            unfinished.unlink(missing_ok=True)
            make(unfinished)
            unfinished.rename(target)
            _forget(target.parent.glob(f"{name}-*"))
    return target


def digest(*recipe: str | Path) -> str:
    """SHA-256 over words, and over names and contents of files, as hexadecimal digits."""
    total = hashlib.sha256()
    for part in recipe:
        for item in _flatten(part):
            total.update(hashlib.sha256(item).digest())
    return total.hexdigest()


def _forget(versions: Iterable[Path]) -> None:
    """Keep the youngest few: switching between branches makes nothing anew."""
    for old in sorted(versions, key=lambda path: path.stat().st_mtime)[:-KEPT]:
        old.unlink()


def _flatten(part: str | Path) -> Iterator[bytes]:
    if isinstance(part, str):
        yield part.encode()
    elif part.is_dir():
        for inner in sorted(path for path in part.rglob("*") if path.is_file()):
            yield str(inner.relative_to(part)).encode()
            yield inner.read_bytes()
    else:
        yield part.read_bytes()

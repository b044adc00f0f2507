"""Files in pieces, as ``split`` makes them: ``.aa``, ``.ab``, … (Clonezilla), ``.000``, ``.001``, … (FOG).

All pieces from the first on must be there. That the last one is, only the content can tell.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from provisioner.stores.errors import StoreError
from provisioner.stores.files import failing

SUFFIX = re.compile(r"\.(?:[a-z]{2,3}|\d{3})")
FIRST = re.compile(r"\.(?:a{2,3}|000)")
LATER = re.compile(r"\.(?:a[b-z]|aa[b-z]|\d{3})")
"""What hardly anything else is called than a piece whose first is somewhere else."""
COPY_AGAIN = "copy it again from where it came from"


def number_of(suffix: str) -> int:
    """``.aa`` and ``.000`` are 0, ``.ab`` and ``.001`` are 1."""
    digits = suffix.removeprefix(".")
    if digits.isdigit():
        return int(digits)
    number = 0
    for letter in digits:
        number = number * 26 + ord(letter) - ord("a")
    return number


def in_order(base: str, pieces: Iterable[Path]) -> tuple[Path, ...]:
    """The pieces of ``base``, or the one file that is it. Raises StoreError if one is missing."""
    found = sorted(pieces, key=lambda path: (len(path.name), path.name))
    if [path.name for path in found] == [base]:
        return tuple(found)
    numbers = [number_of(path.suffix) if path.name != base else -1 for path in found]
    if -1 in numbers:
        raise StoreError(f"{base} is there whole and in pieces", "remove what does not belong to the image")
    missing = next((number for number, there in enumerate(numbers) if number != there), None)
    if missing is not None:
        raise StoreError(
            f"a piece of {base} is missing: the {_ordinal(missing + 1)}, before {found[missing].name}",
            COPY_AGAIN,
        )
    return tuple(found)


def of_file(path: Path) -> tuple[Path, ...]:
    """A file, or, if it is the first of several pieces, all of them.

    Raises StoreError for a later piece, for one that is missing, and for a name that only pieces have.
    """
    with failing("read", path.parent):
        folder = sorted(path.parent.iterdir()) if path.parent.is_dir() else []
    if not path.exists():
        first = next(
            (other for other in folder if other.stem == path.name and FIRST.fullmatch(other.suffix)), None
        )
        hint = f"name its first piece: {first.name}" if first else "name a file, or the folder of an image"
        raise StoreError(f"there is no {path}", hint)
    if FIRST.fullmatch(path.suffix):
        return in_order(path.stem, [other for other in folder if _is_sibling(other, path)])
    firsts = {path.with_suffix(suffix) for suffix in (".000", ".aa", ".aaa")}
    if LATER.fullmatch(path.suffix) or (SUFFIX.fullmatch(path.suffix) and not firsts.isdisjoint(folder)):
        raise StoreError(f"{path} is a piece of {path.stem}, and not its first", "name the first piece")
    return (path,)


def _is_sibling(other: Path, first: Path) -> bool:
    """Whether ``other`` is a piece of what ``first`` is the first piece of."""
    same = len(other.suffix) == len(first.suffix) and other.suffix[1:].isdigit() == first.suffix[1:].isdigit()
    return other.stem == first.stem and same and SUFFIX.fullmatch(other.suffix) is not None


def _ordinal(number: int) -> str:
    return {1: "first", 2: "second", 3: "third"}.get(number, f"{number}th")

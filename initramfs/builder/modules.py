"""Which kernel modules go into the image: the declared ones, and all that they need.

Pure: depmod's tables in, a set of paths out. ``select`` follows hard dependencies
(modules.dep) and soft ones (modules.softdep: ``btrfs`` works only with its checksum
modules, which no symbol ties to it). Module paths are relative to ``/lib/modules/RELEASE``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import PurePosixPath

ROOT = "kernel/"


@dataclass(frozen=True, slots=True)
class Index:
    """What depmod found: dependencies by path, soft dependencies and aliases by module name."""

    dependencies: Mapping[str, tuple[str, ...]]
    soft: Mapping[str, tuple[str, ...]]
    aliases: Sequence[tuple[str, str]]
    paths: Mapping[str, str]


def name_of(path: str) -> str:
    """``kernel/fs/nls/nls_cp437.ko`` → ``nls_cp437``; dashes and underscores are one to the kernel."""
    return PurePosixPath(path).name.partition(".")[0].replace("-", "_")


def parse(dep: str, softdep: str, alias: str) -> Index:
    """Read the texts of modules.dep, modules.softdep and modules.alias."""
    dependencies = {
        path: tuple(needs.split()) for path, _, needs in (line.partition(":") for line in dep.splitlines())
    }
    return Index(
        dependencies,
        _soft(line.split() for line in softdep.splitlines() if line.startswith("softdep ")),
        [(words[1], words[2]) for words in map(str.split, alias.splitlines()) if words[:1] == ["alias"]],
        {name_of(path): path for path in dependencies},
    )


def select(index: Index, wanted: Iterable[str], unwanted: Iterable[str]) -> tuple[set[str], list[str]]:
    """The modules to keep, and the wanted patterns that matched nothing.

    A pattern is a folder or a shell pattern of module paths below ``kernel/``.
    ``unwanted`` takes away from what the patterns matched, not from what others depend on.
    """
    refused = tuple(unwanted)
    chosen: set[str] = set()
    idle = []
    for pattern in wanted:
        found = [path for path in index.dependencies if matches(path, pattern)]
        chosen.update(path for path in found if not any(matches(path, other) for other in refused))
        if not found:
            idle.append(pattern)
    return closure(index, chosen), idle


def closure(index: Index, chosen: Iterable[str]) -> set[str]:
    """``chosen`` and everything it needs, directly or not."""
    kept: set[str] = set()
    waiting = list(chosen)
    while waiting:
        path = waiting.pop()
        if path not in kept:
            kept.add(path)
            waiting += index.dependencies[path]
            waiting += (
                other for need in index.soft.get(name_of(path), ()) for other in _provide(index, need)
            )
    return kept


def matches(path: str, pattern: str) -> bool:
    """Whether a module's path is the pattern, lies below it, or is matched by it."""
    relative = path.removeprefix(ROOT)
    return relative.startswith(pattern + "/") or fnmatchcase(relative, pattern)


def _soft(lines: Iterable[list[str]]) -> dict[str, tuple[str, ...]]:
    """``softdep btrfs pre: xxhash64 post: x`` → ``{"btrfs": ("xxhash64", "x")}``; a module may have many."""
    soft: dict[str, tuple[str, ...]] = {}
    for _keyword, module, *needs in lines:
        name = module.replace("-", "_")
        soft[name] = (*soft.get(name, ()), *(need for need in needs if not need.endswith(":")))
    return soft


def _provide(index: Index, need: str) -> list[str]:
    """The modules behind a soft dependency: a module's name or an alias. None if it is built in."""
    name = need.replace("-", "_")
    if name in index.paths:
        return [index.paths[name]]
    return [index.paths[module] for alias, module in index.aliases if alias == need and module in index.paths]

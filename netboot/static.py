"""A booter without a product behind it: one kernel, or the local disk, for everybody."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from netboot.model import LocalDisk

if TYPE_CHECKING:
    from pathlib import Path

    from netboot.model import Boot, Client, Endpoint


@dataclass(frozen=True, slots=True)
class StaticBooter:
    """Boots every machine alike.

    Attributes:
        roots: directories searched for files, in order.
        boot: what everybody boots.
        named: files that are found under another name than their own.
    """

    roots: tuple[Path, ...]
    boot: Boot = field(default_factory=LocalDisk)
    named: dict[str, Path] = field(default_factory=dict)

    def decide(self, client: Client, here: Endpoint) -> Boot:
        """The same for everybody."""
        del client, here
        return self.boot

    def locate(self, name: str) -> Path | None:
        """A named file, else one under the roots; symbolic links out of a root are not followed."""
        if name in self.named:
            return self.named[name]
        for root in self.roots:
            path = (root / name).resolve()
            if path.is_relative_to(root.resolve()) and path.is_file():
                return path
        return None

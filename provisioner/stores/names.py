"""Images' names, as CloneSys gave them (``sda5_WinNTEdu``), with a generation: ``sda5_Debian@2``.

No I/O. A name becomes a folder's name and part of a URL, so it is kept plain.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from initramfs.messages import IMAGE_NAME
from provisioner.stores.errors import ImageNameError

LATEST = "latest"
PROMOTED = "promoted"
GENERATION = re.compile(r"[1-9][0-9]{0,8}", re.ASCII)


def check_name(name: str) -> str:
    """The name, if it can be one. Raises ImageNameError."""
    if not IMAGE_NAME.fullmatch(name):
        raise ImageNameError(
            name, "letters, digits, '.', '_', '+' and '-', at most 100, a letter or digit first"
        )
    return name


@dataclass(frozen=True, slots=True)
class Wanted:
    """An image as a person names it; no generation means the latest, or the ``promoted`` one."""

    name: str
    generation: int | None
    promoted: bool = False

    @classmethod
    def parse(cls, text: str) -> Wanted:
        """Read ``name``, ``name@2``, ``name@latest`` or ``name@promoted``. Raises ImageNameError."""
        name, _, generation = text.partition("@")
        check_name(name)
        if generation in ("", LATEST):
            return cls(name, None)
        if generation == PROMOTED:
            return cls(name, None, promoted=True)
        if not GENERATION.fullmatch(generation):
            raise ImageNameError(
                text, f"a generation is a number, {LATEST!r} or {PROMOTED!r}, not {generation!r:.20}"
            )
        return cls(name, int(generation))


@dataclass(frozen=True, slots=True)
class Reference:
    """One image, pinned. ``digest`` is the SHA-256 of its manifest."""

    name: str
    generation: int
    digest: bytes

    def __str__(self) -> str:
        return f"{self.name}@{self.generation}"

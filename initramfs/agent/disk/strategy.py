"""Which extents a restore fetches and writes.

The default believes nothing and writes everything. :class:`Different` reads
and hashes the target first and leaves alone what is already right: a delta, and also
how an interrupted restore is continued from what is provably there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from initramfs.agent.disk.readback import ReadBack

if TYPE_CHECKING:
    from initramfs.agent.disk.device import Target
    from initramfs.agent.disk.layout import Extent


class Judge(Protocol):
    """Looks at extents. Belongs to one thread."""

    def needs(self, extent: Extent) -> bool:
        """Whether the extent must be fetched and written; else it was read from the target and is right."""
        ...


class Strategy(Protocol):
    """Decides how the target is looked at before anything is written."""

    def judge(self, target: Target) -> Judge | None:
        """A judge for one thread, or None: there is nothing to look at, everything is needed."""
        ...


class Everything:
    """Write all of it."""

    def judge(self, target: Target) -> None:  # noqa: ARG002 - the protocol's shape
        """Nothing to look at."""
        return


class Different:
    """Write what is not there yet."""

    def judge(self, target: Target) -> Judge:
        """Compares with what the target holds."""
        return _Compare(target)


class _Compare:
    def __init__(self, target: Target) -> None:
        self._readback = ReadBack(target)

    def needs(self, extent: Extent) -> bool:
        return not self._readback.matches(extent)

"""The parts of a target that are wiped first and written last: while they are open, nothing boots.

On a disk these are the first MiB (label, boot code) and the last one (the GPT's backup,
which firmware would fall back to); on a partition its first MiB.

Opened and closed so that a power cut at any instant leaves something that is whole or does not start: what
everything begins with (sector 0 of a disk, the first 4 KiB of a partition, where superblocks are) goes
first and comes back last, with a flush between it and the rest.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from initramfs.imaging.device.device import allocate, content_of
from initramfs.imaging.errors import DeviceError, LabelError, VerifyError
from initramfs.imaging.format.chunk import digest_of
from initramfs.imaging.label.gpt import move
from initramfs.imaging.restore.label_edits import edited_head, make_edits
from initramfs.imaging.restore.marker import decode_marker, encode_marker
from initramfs.imaging.restore.readback import ReadBack

if TYPE_CHECKING:
    from initramfs.imaging.device.device import Target
    from initramfs.imaging.restore.layout import Extent, Guard, Layout
    from initramfs.imaging.restore.outcome import Tally
    from initramfs.imaging.restore.write import Writer

FAULTY = "the disk does not keep what is written to it: replace it"
BEGINNING = 4096
"""Bytes of a partition that are wiped first and written last. Disks: one sector."""


@dataclass(slots=True)
class _Guarded:
    """A guard, what it will hold, what is still to be fetched for it, and what it holds now, if known."""

    guard: Guard
    content: bytearray
    lacking: list[Extent]
    here: bytes | None = field(default=None, repr=False)


class Guards:
    """The guards of one restore.

    Attributes:
        loaded: whether it is known what they will hold.
        right: whether they hold exactly that; known once loaded, and only if they were looked at.
        opened: whether anything in them was ever changed.
    """

    def __init__(self, layout: Layout, target: Target, tally: Tally) -> None:
        self._layout, self._target, self._tally = layout, target, tally
        self._all = [
            _Guarded(guard, bytearray(guard.end - guard.start), list(layout.withheld(guard)))
            for guard in layout.guards
        ]
        self.loaded = self.right = self.opened = False

    @property
    def size(self) -> int:
        """Bytes held in memory."""
        return sum(len(guarded.content) for guarded in self._all)

    @property
    def lacking(self) -> int:
        """Bytes that :meth:`load` would fetch."""
        return sum(extent.length for guarded in self._all for extent in guarded.lacking)

    def look(self) -> None:
        """Keep what is already right, so that it need not be fetched. Raises DeviceError."""
        for guarded in self._all:
            guarded.here = self._read(guarded.guard)
            self._tally.add(bytes_read=len(guarded.here))
            self._keep(guarded, self._original(guarded))

    def load(self, writer: Writer) -> None:
        """Fetch and prove what is lacking. The target is not touched. Raises ChunkError, LabelError."""
        for guarded in self._all:
            while guarded.lacking:
                extent = guarded.lacking[-1]
                if extent.digest is not None:
                    at = extent.offset - guarded.guard.start
                    writer.fetch(extent, memoryview(guarded.content)[at : at + extent.length])
                guarded.lacking.pop()
        if self._layout.relocate:
            self._move_gpt()
        self.loaded = True
        self.right = all(self._holds(guarded) for guarded in self._all)

    def open(self, reason: str) -> None:
        """From now on nothing boots, and ``reason`` is what is found. Durable on return.

        Raises DeviceError, and VerifyError while all but the beginnings is as it was.
        """
        self.opened = True
        marker = encode_marker(reason)
        for guarded in self._beginnings():
            beginning = content_of(marker.ljust(self._beginning(guarded), b"\0"))
            self._target.write(beginning, guarded.guard.start)
            self._target.flush()
            self._prove(guarded.guard.start, beginning)
        for guarded in self._all:
            start = guarded.guard.start + (self._beginning(guarded) if guarded in self._beginnings() else 0)
            self._target.zero(start, guarded.guard.end - start)
        self._target.flush()

    def close(self) -> None:
        """Write the guards, from the end of the disk to its beginning."""
        for guarded in reversed(self._all):
            self._close(guarded)

    def count_right(self) -> None:
        """Add them to what was proved, if they were found right and nobody has touched them since."""
        for guard in self._layout.guards:
            for extent in self._layout.withheld(guard):
                self._tally.add(extent.image, chunks_verified=1, bytes_skipped=extent.length)

    def _beginnings(self) -> list[_Guarded]:
        """Those that something starts with: a disk's end is none."""
        return self._all[:1] if self._layout.whole else self._all

    def _beginning(self, guarded: _Guarded) -> int:
        sector = self._layout.sector_size
        return sector if self._layout.whole else min(max(BEGINNING, sector), len(guarded.content))

    def _read(self, guard: Guard) -> bytes:
        buffer = allocate(guard.end - guard.start)
        self._target.read_into(buffer, guard.start)
        return bytes(buffer)

    def _original(self, guarded: _Guarded) -> bytes:
        """What is there, as the image would have it: a GPT that was moved to this end is moved back."""
        here = guarded.here or b""
        if not self._layout.relocate or guarded.guard.start:
            return here
        try:
            return move(here, self._layout.sector_size, self._layout.origin_size).head
        except LabelError:
            return here

    def _keep(self, guarded: _Guarded, original: bytes) -> None:
        lacking = []
        for extent in guarded.lacking:
            at = extent.offset - guarded.guard.start
            piece = memoryview(original)[at : at + extent.length]
            if digest_of(piece) == extent.digest:
                guarded.content[at : at + extent.length] = piece
            else:
                lacking.append(extent)
        guarded.lacking = lacking

    def _holds(self, guarded: _Guarded) -> bool:
        """Whether nothing of it need be written. On a disk unused bytes count too: firmware reads them."""
        if guarded.here is None:
            return False
        if self._layout.whole:
            return guarded.here == guarded.content
        start = guarded.guard.start
        return all(
            guarded.here[e.offset - start : e.end - start]
            == guarded.content[e.offset - start : e.end - start]
            for e in self._layout.withheld(guarded.guard)
        )

    def relabel(self) -> None:
        """Make the layout's edits of the label, once what lies outside of the guards has been verified.

        May be repeated. Raises LabelError, DeviceError, VerifyError.
        """
        make_edits(self._layout, self._target, [(one.guard, one.content) for one in self._all])

    def _move_gpt(self) -> None:
        head, tail = self._all[0], self._all[-1]
        edited = edited_head(self._layout, bytes(head.content))
        moved = move(edited, self._layout.sector_size, self._layout.target_size)
        head.content[:] = moved.head
        at = moved.tail_offset - tail.guard.start
        tail.content[at : at + len(moved.tail)] = moved.tail

    def _close(self, guarded: _Guarded) -> None:
        guard, content = guarded.guard, guarded.content
        data, first = content_of(content), self._beginning(guarded)
        self._target.write(data[first:], guard.start + first)
        self._target.flush()
        self._target.write(data[:first], guard.start)
        self._target.flush()
        self._prove(guard.start, content)
        rest = len(content)
        for extent in self._layout.withheld(guard):
            self._tally.add(
                extent.image, bytes_written=extent.length, bytes_read=extent.length, chunks_verified=1
            )
            rest -= extent.length
        self._tally.add(bytes_zeroed=rest, bytes_read=rest)

    def _prove(self, offset: int, content: bytearray | memoryview) -> None:
        if not ReadBack(self._target).equals(offset, bytes(content)):
            raise VerifyError(
                f"{self._target.path}: {len(content)} bytes at {offset} read back different", FAULTY
            )


def last_failure(target: Target, layout: Layout) -> str:
    """What an earlier restore left on the target as the reason why it had not ended, or an empty text."""
    for guard in layout.guards:
        buffer = allocate(layout.sector_size)
        with contextlib.suppress(DeviceError):  # this is for people; the restore itself will tell
            target.read_into(buffer, guard.start)
        if reason := decode_marker(bytes(buffer)):
            return reason
    return ""

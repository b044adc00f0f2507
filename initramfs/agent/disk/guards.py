"""The parts of a target that are wiped first and written last: while they are open, nothing boots.

On a disk these are the first MiB (label, boot code) and the last one (the GPT's backup,
which firmware would fall back to); on a partition its first MiB.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from initramfs.agent.disk.device import content_of
from initramfs.agent.disk.errors import DeviceError, VerifyError
from initramfs.agent.disk.gpt import move
from initramfs.agent.disk.readback import ReadBack

if TYPE_CHECKING:
    from initramfs.agent.disk.device import Target
    from initramfs.agent.disk.layout import Guard, Layout
    from initramfs.agent.disk.outcome import Tally
    from initramfs.agent.disk.write import Writer

FAULTY = "the disk does not keep what is written to it: replace it"


class Guards:
    """The guards of one restore, and what they will hold."""

    def __init__(self, layout: Layout, target: Target, tally: Tally) -> None:
        self._layout, self._target, self._tally = layout, target, tally
        self._contents: list[tuple[Guard, bytearray]] = []

    @property
    def size(self) -> int:
        """Bytes held in memory."""
        return sum(len(content) for _, content in self._contents)

    def load(self, writer: Writer) -> None:
        """Fetch and prove what will be written. The target is not touched. Raises ChunkError, LabelError."""
        self._contents = [(guard, self._content(guard, writer)) for guard in self._layout.guards]
        if self._layout.relocate:
            self._move_gpt()

    def wipe(self) -> None:
        """Open the guards: from now on nothing boots. Durable on return. Raises DeviceError."""
        for guard, _ in self._contents:
            self._target.zero(guard.start, guard.end - guard.start)
        self._target.flush()

    def close(self) -> None:
        """Write the guards, from the end of the disk to its beginning; what fails is wiped again."""
        try:
            for guard, content in reversed(self._contents):
                self._close(guard, content)
        except BaseException:
            with contextlib.suppress(DeviceError):  # the first failure is the one to tell
                self.wipe()
            raise

    def _content(self, guard: Guard, writer: Writer) -> bytearray:
        content = bytearray(guard.end - guard.start)
        for extent in self._layout.withheld(guard):
            if extent.digest is not None:
                at = extent.offset - guard.start
                content[at : at + extent.length] = writer.fetch(extent.digest, extent.length)
        return content

    def _move_gpt(self) -> None:
        (_, head), (guard, tail) = self._contents[0], self._contents[-1]
        moved = move(bytes(head), self._layout.sector_size, self._layout.target_size)
        head[:] = moved.head
        at = moved.tail_offset - guard.start
        tail[at : at + len(moved.tail)] = moved.tail

    def _close(self, guard: Guard, content: bytearray) -> None:
        data, first = content_of(content), self._layout.sector_size
        self._target.write(data[first:], guard.start + first)
        self._target.flush()
        self._target.write(data[:first], guard.start)
        self._target.flush()
        if not ReadBack(self._target).equals(guard.start, content):
            raise VerifyError(
                f"{self._target.path}: {len(content)} bytes at {guard.start} read back different", FAULTY
            )
        self._tally.add(
            bytes_written=len(content),
            bytes_read=len(content),
            chunks_verified=sum(1 for _ in self._layout.withheld(guard)),
        )

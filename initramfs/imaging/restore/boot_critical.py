"""Wiping the boot-critical regions first and writing them last, so that nothing boots in between.

:mod:`~initramfs.imaging.restore.critical_regions` says which bytes they are.

Wiped and written so that a power cut at any instant leaves something that is whole or does not start: what
everything begins with (sector 0 of a disk, the first 4 KiB of a partition, where superblocks are) goes
first and comes back last, with a flush between it and the rest.
"""

from __future__ import annotations

import contextlib
import struct
import zlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from initramfs.imaging.device.device import allocate, content_of
from initramfs.imaging.errors import DeviceError, LabelError, VerifyError
from initramfs.imaging.format.chunk import digest_of
from initramfs.imaging.label.gpt import move
from initramfs.imaging.label.relabel import Patch, relabel
from initramfs.imaging.restore.extent_io import ReadBack
from initramfs.imaging.restore.new_starts import corrections

if TYPE_CHECKING:
    from initramfs.imaging.device.device import Target
    from initramfs.imaging.restore.counts import Tally
    from initramfs.imaging.restore.extent_io import Writer
    from initramfs.imaging.restore.layout import BootCriticalRegion, Extent, Layout

FAULTY = "the disk does not keep what is written to it: replace it"
BEGINNING = 4096
"""Bytes of a partition that are wiped first and written last. Disks: one sector."""

MARKER_MAGIC = b"CLONESYS STOPPED"
MARKER_SIZE = 512
MARKER_TEXT = MARKER_SIZE - len(MARKER_MAGIC) - 4 - 2
MARKER_CHECKSUM = struct.Struct("<I")


@dataclass(slots=True)
class _Content:
    """What a region will hold, what is still to be fetched of it, and what is there now, if known."""

    region: BootCriticalRegion
    content: bytearray
    lacking: list[Extent]
    here: bytes | None = field(default=None, repr=False)


class BootCritical:
    """The boot-critical regions of one restore.

    Attributes:
        loaded: whether it is known what they will hold.
        right: whether they hold exactly that; known once loaded, and only if they were looked at.
        wiped: whether anything in them was ever changed.
    """

    def __init__(self, layout: Layout, target: Target, tally: Tally) -> None:
        self._layout, self._target, self._tally = layout, target, tally
        self._all = [
            _Content(region, bytearray(region.end - region.start), list(layout.withheld(region)))
            for region in layout.boot_critical
        ]
        self.loaded = self.right = self.wiped = False

    @property
    def size(self) -> int:
        """Bytes held in memory."""
        return sum(len(planned.content) for planned in self._all)

    @property
    def lacking(self) -> int:
        """Bytes that :meth:`load` would fetch."""
        return sum(extent.length for planned in self._all for extent in planned.lacking)

    def look(self) -> None:
        """Keep what is already right, so that it need not be fetched. Raises DeviceError."""
        for planned in self._all:
            planned.here = self._read(planned.region)
            self._tally.add(bytes_read=len(planned.here))
            self._keep(planned, self._original(planned))

    def load(self, writer: Writer) -> None:
        """Fetch and prove what is lacking. The target is not touched. Raises ChunkError, LabelError."""
        for planned in self._all:
            while planned.lacking:
                extent = planned.lacking[-1]
                if extent.digest is not None:
                    at = extent.offset - planned.region.start
                    writer.fetch(extent, memoryview(planned.content)[at : at + extent.length])
                planned.lacking.pop()
        if self._layout.relocate:
            self._move_gpt()
        for patch in list(corrections(self._layout, self._content)):
            self._patch(patch)
        self.loaded = True
        self.right = all(self._holds(planned) for planned in self._all)

    def wipe(self, reason: str) -> None:
        """From now on nothing boots, and ``reason`` is what is found. Durable on return.

        Raises DeviceError, and VerifyError while all but the beginnings is as it was.
        """
        self.wiped = True
        marker = encode_marker(reason)
        for planned in self._beginnings():
            beginning = content_of(marker.ljust(self._beginning(planned), b"\0"))
            self._target.write(beginning, planned.region.start)
            self._target.flush()
            self._prove(planned.region.start, beginning)
        for planned in self._all:
            start = planned.region.start + (self._beginning(planned) if planned in self._beginnings() else 0)
            self._target.zero(start, planned.region.end - start)
        self._target.flush()

    def write(self) -> None:
        """Write them all, from the end of the disk to its beginning. Raises DeviceError, VerifyError."""
        for planned in reversed(self._all):
            self._write(planned)

    def count_right(self) -> None:
        """Count their chunks as proved: they were found right, and were not touched since."""
        for region in self._layout.boot_critical:
            for extent in self._layout.withheld(region):
                self._tally.add(extent.image, chunks_verified=1, bytes_skipped=extent.length)

    def _beginnings(self) -> list[_Content]:
        """Those that something starts with: a disk's end is none."""
        return self._all[:1] if self._layout.whole else self._all

    def _beginning(self, planned: _Content) -> int:
        sector = self._layout.sector_size
        return sector if self._layout.whole else min(max(BEGINNING, sector), len(planned.content))

    def _read(self, region: BootCriticalRegion) -> bytes:
        buffer = allocate(region.end - region.start)
        self._target.read_into(buffer, region.start)
        return bytes(buffer)

    def _original(self, planned: _Content) -> bytes:
        """What is there, as the image would have it: a GPT that was moved to this end is moved back."""
        here = planned.here or b""
        if not self._layout.relocate or planned.region.start:
            return here
        try:
            return move(here, self._layout.sector_size, self._layout.origin_size).head
        except LabelError:
            return here

    def _keep(self, planned: _Content, original: bytes) -> None:
        lacking = []
        for extent in planned.lacking:
            at = extent.offset - planned.region.start
            piece = memoryview(original)[at : at + extent.length]
            if digest_of(piece) == extent.digest:
                planned.content[at : at + extent.length] = piece
            else:
                lacking.append(extent)
        planned.lacking = lacking

    def _holds(self, planned: _Content) -> bool:
        """Whether nothing of it need be written. On a disk unused bytes count too: firmware reads them."""
        if planned.here is None:
            return False
        if self._layout.whole:
            return planned.here == planned.content
        start = planned.region.start
        return all(
            planned.here[e.offset - start : e.end - start]
            == planned.content[e.offset - start : e.end - start]
            for e in self._layout.withheld(planned.region)
        )

    def contents(self) -> list[tuple[BootCriticalRegion, bytearray]]:
        """The regions and what they will hold, which may still be changed."""
        return [(planned.region, planned.content) for planned in self._all]

    def _content(self, offset: int, length: int) -> bytes:
        """Of the place where the regions will hold ``offset``; nothing where none does."""
        for planned in self._all:
            if planned.region.start <= offset < planned.region.end:
                at = offset - planned.region.start
                return bytes(planned.content[at : at + length])
        return b""

    def _patch(self, patch: Patch) -> None:
        for planned in self._all:
            if planned.region.start <= patch.offset < planned.region.end:
                at = patch.offset - planned.region.start
                planned.content[at : at + len(patch.data)] = patch.data

    def _move_gpt(self) -> None:
        head, tail = self._all[0], self._all[-1]
        edited = _edited_head(self._layout, bytes(head.content))
        moved = move(edited, self._layout.sector_size, self._layout.target_size)
        head.content[:] = moved.head
        at = moved.tail_offset - tail.region.start
        if at < 0:
            raise LabelError(f"the GPT's backup has no room behind byte {tail.region.start}")
        tail.content[at : at + len(moved.tail)] = moved.tail

    def _write(self, planned: _Content) -> None:
        region, content = planned.region, planned.content
        data, first = content_of(content), self._beginning(planned)
        self._target.write(data[first:], region.start + first)
        self._target.flush()
        self._target.write(data[:first], region.start)
        self._target.flush()
        self._prove(region.start, content)
        rest = len(content)
        for extent in self._layout.withheld(region):
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


def _edited_head(layout: Layout, head: bytes) -> bytes:
    """The disk's head with the GPT edited; its backup is made anew by the move. Raises LabelError."""
    result = bytearray(head)
    if layout.label is not None:
        patches = relabel(
            lambda at, length: head[at : at + length], layout.label, layout.sector_size, layout.edits
        )
        for patch in patches:
            if patch.offset + len(patch.data) <= len(head):
                result[patch.offset : patch.offset + len(patch.data)] = patch.data
    return bytes(result)


def last_failure(target: Target, layout: Layout) -> str:
    """What an earlier restore left on the target as the reason why it had not ended, or an empty text."""
    for region in layout.boot_critical:
        buffer = allocate(layout.sector_size)
        with contextlib.suppress(DeviceError):  # only a note; the restore itself fails with the reason
            target.read_into(buffer, region.start)
        if reason := decode_marker(bytes(buffer)):
            return reason
    return ""


def encode_marker(reason: str) -> bytes:
    """The sector that says why a restore has not ended. What does not fit of the reason is cut.

    One sector of 512 bytes, zeros behind the text; ``docs/dev/image-format.md`` describes the bytes. It lacks
    the signature 0x55AA, so that firmware boots nothing of it, and its checksum keeps a reader from taking
    anything else for it.
    """
    text = reason.encode(errors="replace")[:MARKER_TEXT].decode(errors="ignore").encode()
    body = MARKER_MAGIC + text.ljust(MARKER_TEXT, b"\0")
    return body + MARKER_CHECKSUM.pack(zlib.crc32(body)) + bytes(2)


def decode_marker(sector: bytes) -> str:
    """The reason, or an empty text if this is no such sector."""
    body = sector[: MARKER_SIZE - 6]
    if len(sector) < MARKER_SIZE or not body.startswith(MARKER_MAGIC):
        return ""
    if MARKER_CHECKSUM.unpack_from(sector, len(body))[0] != zlib.crc32(body):
        return ""
    return body[len(MARKER_MAGIC) :].rstrip(b"\0").decode(errors="replace")

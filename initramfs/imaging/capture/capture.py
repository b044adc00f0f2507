"""Reading a disk or partition into chunks: only what is in use, each chunk kept once.

Several threads read, hash and compress; the sink is asked in batches which chunks it
already has. The result is a draft, to be signed where the key is, after the
sink has made the chunks durable.
"""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from initramfs.imaging.capture.cells import Cell, batches, cells, holes, reads
from initramfs.imaging.capture.regions import Region, Scope, scope_of
from initramfs.imaging.device.device import Device, allocate
from initramfs.imaging.device.parallel import (
    Meter,
    ProgressCallback,
    Worker,
    compressors,
    run_parallel,
    silent,
)
from initramfs.imaging.errors import CaptureError
from initramfs.imaging.format.chunk import DEFAULT_CHUNK, DEFAULT_LEVEL, MIB, Packer, digest_of, is_zero
from initramfs.imaging.format.header import Header, Kind
from initramfs.imaging.format.index import MAX_COUNT, SECTOR, Range, State
from initramfs.imaging.format.names import HINT, why_other_kind
from initramfs.imaging.format.rules import MAX_TEXT, check_header
from initramfs.imaging.spans import Span, subtract, total

if TYPE_CHECKING:
    from initramfs.imaging.format.source import ChunkSink

BATCH = 8 * MIB
"""Bytes of chunks that a thread holds while the sink is asked about them."""

NOTABLE = 4
"""So many chunks outside of partitions are nothing to speak of: gaps have them, and the ends of tables."""

Batch = Sequence[tuple[int, Cell]]


@dataclass(frozen=True, slots=True)
class Facts:
    """What its maker says about an image; ``date`` in seconds since the epoch."""

    name: str
    description: str = ""
    origin: str = ""
    user: str = ""
    date: int = 0


@dataclass(slots=True)
class CaptureCounts:
    """What a capture did: bytes read, sent to the sink (compressed), not sent because it had them."""

    chunks: int = 0
    chunks_sent: int = 0
    bytes_read: int = 0
    bytes_sent: int = 0
    bytes_skipped: int = 0


@dataclass(frozen=True, slots=True)
class Draft:
    """An image that is not signed yet. ``header.generation`` is 1 until the store says which it is.

    ``found`` are those of the header's warnings that only reading has shown.
    """

    header: Header
    ranges: list[Range]
    count: CaptureCounts
    found: tuple[str, ...] = ()


def capture(
    source: Device,
    facts: Facts,
    sink: ChunkSink,
    *,
    partition: int | None = None,
    empty: Collection[int] = (),
    chunk_size: int = DEFAULT_CHUNK,
    level: int = DEFAULT_LEVEL,
    workers: int | None = None,
    force: bool = False,
    without_swap: bool = False,
    only_partitions: bool = False,
    raw: bool = False,
    kind: Kind | None = None,
    progress: ProgressCallback = silent,
) -> Draft:
    """Capture ``source``: the whole disk, one partition of it, or the bare file system it is.

    ``empty`` lists partitions that the image of a whole disk records as zeros; ``without_swap`` records
    as zeros what swap, page and hibernation files hold; ``only_partitions`` and ``raw`` as in
    :func:`.regions.scope_of`. ``kind`` is that of the image's earlier generations. Raises CaptureError (also
    if the source is of another kind, or of another than the name says), LabelError, ToolError, DeviceError,
    and whatever the sink raises.
    """
    source.forget()
    scope = scope_of(
        source,
        partition=partition,
        empty=empty,
        force=force,
        without_swap=without_swap,
        only_partitions=only_partitions,
        raw=raw,
    )
    check_kind(facts.name, scope, kind)
    header = _header(scope, facts, source.sector_size, chunk_size)
    check_header(header)
    task = _Capture(source, sink, scope, chunk_size, level)
    meter = Meter("capture", task.size, progress)
    run_parallel(task.batches(), lambda: task.worker(meter), workers or compressors())
    ranges = list(task.ranges())
    found = tuple(_of_room(scope.room, ranges, chunk_size))
    return Draft(replace(header, warnings=(*header.warnings, *found)), ranges, task.count, found)


def check_kind(name: str, scope: Scope, first: Kind | None = None) -> None:
    """See that what is captured is what its name, and its first generation, are of. Raises CaptureError."""
    why = why_other_kind(name, scope.kind, first, part=scope.part)
    if why:
        raise CaptureError(why, HINT)


def _of_room(room: Sequence[Span], ranges: Sequence[Range], chunk_size: int) -> Iterator[str]:
    """What is said of content in no partition, if there is much of it: an earlier life of the disk."""
    if not room:
        return
    held = [(item.offset, item.end) for item in ranges if item.state is State.DATA]
    found = sum(end - start for start, end in held) - total(list(subtract(held, room)))
    if found > NOTABLE * chunk_size:
        yield (
            f"{found / MIB:.0f} MiB that are not zero lie in no partition, and are kept "
            "(what the disk held before?); --only-partitions leaves them out"
        )


def _header(scope: Scope, facts: Facts, sector_size: int, chunk_size: int) -> Header:
    return Header(
        name=facts.name,
        generation=1,
        kind=scope.kind,
        sector_size=sector_size,
        size=scope.size,
        chunk_size=chunk_size,
        firmware=scope.firmware,
        label=scope.label,
        filesystems=scope.filesystems,
        description=_text(facts.description),
        origin=_text(facts.origin),
        user=_text(facts.user),
        date=facts.date,
        warnings=tuple(_text(warning)[:MAX_TEXT] for warning in scope.warnings),
    )


def _text(given: str) -> str:
    """Without the bytes that Python found in an argument or a file's name and could not decode."""
    return given.encode(errors="replace").decode()


class _Capture:
    """One run: what is shared by its threads."""

    def __init__(self, source: Device, sink: ChunkSink, scope: Scope, chunk_size: int, level: int) -> None:
        self.source, self.sink, self.scope = source, sink, scope
        self.chunk_size, self.level = chunk_size, level
        self.count = CaptureCounts()
        self._lock = threading.Lock()
        self._known: set[bytes] = set()
        self._found: list[tuple[int, Range]] = []

    @property
    def size(self) -> int:
        """Bytes to look at."""
        return sum(cell.length for _, cell in self._cells())

    def batches(self) -> Iterator[Batch]:
        return batches(self._cells(), BATCH)

    def _cells(self) -> Iterator[tuple[int, Cell]]:
        for number, region in enumerate(self.scope.regions):
            for cell in cells(region.used, region.origin, self.chunk_size):
                yield number, cell

    def worker(self, meter: Meter) -> Worker[Batch]:
        buffer, packer = allocate(BATCH), Packer(self.level)

        def work(batch: Batch) -> None:
            self._take(batch, buffer, packer)
            meter.add(sum(cell.length for _, cell in batch))

        return work

    def _take(self, batch: Batch, buffer: memoryview, packer: Packer) -> None:
        at, contents = 0, dict[bytes, memoryview]()
        for number, cell in batch:
            view = buffer[at : at + cell.length]
            at += cell.room
            self._read(cell, view)
            digest = None if is_zero(view) else digest_of(view)
            self._note(number, cell, digest)
            if digest is not None:
                contents[digest] = view
        self._send(contents, packer)

    def _read(self, cell: Cell, view: memoryview) -> None:
        spans = reads(cell)
        for start, end in spans:
            self.source.read_into(view[start - cell.start : end - cell.start], start)
        for start, end in holes(cell):
            view[start - cell.start : end - cell.start] = bytes(end - start)
        with self._lock:
            self.count.bytes_read += sum(end - start for start, end in spans)

    def _note(self, number: int, cell: Cell, digest: bytes | None) -> None:
        offset = cell.start - self.scope.start
        kind = (State.ZERO,) if digest is None else (State.DATA, digest)
        with self._lock:
            self._found.append((number, Range(offset, cell.length, *kind)))
            self.count.chunks += digest is not None

    def _send(self, contents: dict[bytes, memoryview], packer: Packer) -> None:
        """Put what this capture has not put yet. Asks once for all: a server far away is asked rarely."""
        with self._lock:
            new = [digest for digest in contents if digest not in self._known]
            self._known.update(new)
        there = self.sink.has(new) if new else frozenset[bytes]()
        sent = {digest: packer.pack(contents[digest]) for digest in new if digest not in there}
        for digest, data in sent.items():
            self.sink.put(digest, data)
        with self._lock:
            self.count.chunks_sent += len(sent)
            self.count.bytes_sent += sum(map(len, sent.values()))
            self.count.bytes_skipped += sum(len(v) for digest, v in contents.items() if digest not in sent)

    def ranges(self) -> Iterator[Range]:
        """Everything found, in order; zeros joined inside of a region, as long as a record can count."""
        found = self._found + list(_zeros(self.scope.regions, self.chunk_size, self.scope.start))
        found.sort(key=lambda item: item[1].offset)
        number, held = -1, None
        for region, item in found:
            if held is not None and region == number and _joinable(held, item):
                held = Range(held.offset, held.length + item.length, State.ZERO)
                continue
            if held is not None:
                yield held
            number, held = region, item
        if held is not None:
            yield held


def _joinable(held: Range, item: Range) -> bool:
    return (
        held.state is item.state is State.ZERO
        and held.end == item.offset
        and held.length + item.length <= MAX_COUNT * SECTOR
    )


def _zeros(regions: Sequence[Region], chunk_size: int, base: int) -> Iterator[tuple[int, Range]]:
    """The spans that are recorded as zeros unread, cut to what a record can count.

    What of them lies inside of a chunk, between its used bytes, is zero there already.
    """
    step = 1 << 40
    for number, region in enumerate(regions):
        chunks = ((cell.start, cell.end) for cell in cells(region.used, region.origin, chunk_size))
        for start, end in subtract(region.zeros, chunks):
            for at in range(start, end, step):
                yield number, Range(at - base, min(step, end - at), State.ZERO)

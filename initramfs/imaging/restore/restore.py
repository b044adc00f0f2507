"""Writing a layout to a target so that it is right, or does not boot.

The phases are separate calls, in this order, so that each can be a step with a
progress of its own:

=========  ===============================================================================
scan       the delta scan: finds out what the target already holds, as far as the strategy says
           (by default: nothing)
prepare    fetches and proves what belongs into the boot-critical regions, then wipes them: nothing boots
write      tells the device what is unused; all other chunks: fetch, decompress, prove, write;
           zeros where the image has zeros
verify     reads all of it back and compares hashes, as far as verify-behind has not done that during
           the writing; partition images are whole after it
commit     the label and the first MiB, sector 0 as the very last; read back too
=========  ===============================================================================

If the scan finds everything in its place, nothing is wiped and not a byte is written.
Between ``verify`` and ``commit`` a disk holds everything and cannot boot: the
place to personalise it. Nothing of a chunk is written before its SHA-256 has been checked.
A restore that was cut at any instant is continued by another one whose strategy looks.
Memory: for each worker a chunk twice (object, content), the content of the boot-critical regions,
and a bit for each extent.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import TYPE_CHECKING, Self

from initramfs.errors import ExplainedError
from initramfs.imaging.device.parallel import (
    Meter,
    ProgressCallback,
    Worker,
    default_workers,
    run_parallel,
    silent,
)
from initramfs.imaging.errors import DiskError, VerifyError
from initramfs.imaging.restore.boot_critical import FAULTY, BootCritical, last_failure
from initramfs.imaging.restore.counts import RestoreCounts, Tally
from initramfs.imaging.restore.delta_scan import DeltaScan
from initramfs.imaging.restore.extent_io import ReadBack, Writer
from initramfs.imaging.restore.label_edits import make_edits
from initramfs.imaging.restore.layout import free_spans
from initramfs.imaging.restore.new_starts import correct_on_disk
from initramfs.imaging.restore.strategy import Everything, Strategy
from initramfs.imaging.restore.verify_behind import Task, VerifyBehind

if TYPE_CHECKING:
    from types import TracebackType

    from initramfs.imaging.device.device import Target
    from initramfs.imaging.format.source import ChunkSource
    from initramfs.imaging.restore.layout import Extent, Layout
    from initramfs.imaging.restore.verify_behind import VerifyPolicy

Work = Callable[["Extent"], None]
Clock = Callable[[], float]

UNFINISHED = "a restore was cut before its end (power, reset, or the program was killed)"
"""What is found on a disk whose restore could not even say why it ended."""


class Restore:
    """One restore of one layout. A context manager: left by an exception, it puts the reason onto the target.

    Every phase raises a DiskError at the first failure: Missing, Corrupt or Unavailable with the
    chunk's name, DeviceError, VerifyError, LabelError. The target then stays unbootable.

    ``changing`` says that the target will be changed between ``verify`` and ``commit``: it is then
    wiped even if everything is right. With a ``verify_policy`` some of what is written is proved while the
    rest is being written (see :mod:`~initramfs.imaging.restore.verify_policy`). ``clock`` gives seconds.
    """

    def __init__(
        self,
        layout: Layout,
        source: ChunkSource,
        target: Target,
        *,
        workers: int | None = None,
        progress: ProgressCallback = silent,
        strategy: Strategy | None = None,
        changing: bool = False,
        discard: bool = True,
        verify_policy: VerifyPolicy | None = None,
        clock: Clock = time.monotonic,
    ) -> None:
        self.layout = layout
        self._source, self._target, self._progress = source, target, progress
        self._strategy = strategy or Everything()
        self._changing = changing or bool(layout.edits) or layout.grow is not None
        self._discard, self._clock, self._committed = discard, clock, False
        self._verify_policy = verify_policy
        self._verify_behind: VerifyBehind | None = None
        self._tally = Tally({piece.image for piece in layout.pieces})
        largest = _count_chunks(layout, self._tally)
        self._workers = workers or default_workers(largest)
        self._boot_critical = BootCritical(layout, target, self._tally)
        self._delta_scan = DeltaScan(
            layout, target, self._tally, workers=self._workers, progress=progress, clock=clock
        )

    @property
    def counts(self) -> RestoreCounts:
        """What has been done so far."""
        return self._tally.counts

    @property
    def target(self) -> Target:
        """What is written to, for what is done between ``verify`` and ``commit``."""
        return self._target

    @property
    def images(self) -> dict[str, RestoreCounts]:
        """What has been done by image, whose titles are the keys."""
        return self._tally.images

    def last_failure(self) -> str:
        """Why an earlier restore to this place had not ended, if that is what the target says."""
        return last_failure(self._target, self.layout)

    def scan(self) -> None:
        """Find out what the target already holds. Writes nothing."""
        if self._strategy.looks:
            self._boot_critical.look()
            self._delta_scan.scan(self._strategy, self._load())

    def prepare(self) -> None:
        """Fetch what is written last, and wipe its places.

        If the source lacks these chunks or the label does not fit, the target is not touched.
        """
        meter = Meter("prepare", 1, self._progress)
        if not self._boot_critical.loaded:
            self._load()
        if self._changing or not self._complete():
            self._boot_critical.wipe(UNFINISHED)
        meter.add(1)

    def write(self) -> None:
        """Everything outside of the boot-critical regions that the target does not hold."""
        if self._discard and not self._delta_scan.complete:
            self._discard_unused()
        self._write_and_verify()
        self._target.flush()

    def verify(self) -> None:
        """Read back what was written, as far as ``write`` has not. After it every partition is whole.

        A disk still lacks its label.
        """

        def unproved() -> Iterator[Extent]:
            return islice(
                self._delta_scan.missing(), self._verify_behind.proved if self._verify_behind else 0, None
            )

        meter = Meter("verify", _bytes(unproved()), self._progress)

        def make_worker() -> Worker[Extent]:
            check = self._verifier()

            def do(extent: Extent) -> None:
                check(extent)
                meter.add(extent.length)

            return do

        run_parallel(unproved(), make_worker, self._workers)
        if self._boot_critical.wiped and not self.layout.whole:
            self._boot_critical.write()
        correct_on_disk(self.layout, self._target)

    def commit(self) -> RestoreCounts:
        """Make the disk bootable, after all that was changed on it since ``verify`` is durable."""
        total = self._boot_critical.size if self._boot_critical.wiped and self.layout.whole else 0
        meter = Meter("commit", total, self._progress)
        self._target.flush()
        if not self._boot_critical.wiped:
            self._boot_critical.count_right()
        elif self.layout.whole:
            make_edits(self.layout, self._target, self._boot_critical.contents())
            self._boot_critical.write()
        self._committed = True
        meter.add(total)
        return self.counts

    def run(self, before_commit: Callable[[Target], None] | None = None) -> RestoreCounts:
        """All phases; ``before_commit`` is called when everything is on the disk and it cannot boot yet."""
        self._changing = self._changing or before_commit is not None
        with self:
            self.scan()
            self.prepare()
            self.write()
            self.verify()
            if before_commit is not None:
                before_commit(self._target)
            return self.commit()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        if error is not None and self._boot_critical.wiped and not self._committed:
            with contextlib.suppress(DiskError):  # the first failure is the one to tell
                self._boot_critical.wipe(_reason(error))

    def _load(self) -> float | None:
        """Fetch what the boot-critical regions lack; the rate that all workers together would have.

        In bytes a second; None if nothing was lacking.
        """
        lacking, began = self._boot_critical.lacking, self._clock()
        self._boot_critical.load(self._writer())
        seconds = self._clock() - began
        return lacking * self._workers / seconds if lacking and seconds > 0 else None

    def _complete(self) -> bool:
        """Whether the scan found everything in its place: then nothing is written at all."""
        return self._delta_scan.complete and self._boot_critical.right

    def _discard_unused(self) -> None:
        """Only a hint to the device: nothing relies on what these ranges hold afterwards."""
        for start, end in free_spans(self.layout):
            if not self._target.discard(start, end - start):
                return
            self._tally.add(bytes_discarded=end - start)

    def _write_and_verify(self) -> None:
        """Write what is missing; with a verify policy, prove at the same time what has become durable."""
        tasks = self._verify_behind = VerifyBehind(
            self._delta_scan.missing, self._verify_policy, self._workers
        )
        meter = Meter("write", _bytes(self._delta_scan.missing()), self._progress)

        def make_worker() -> Worker[Task]:
            put, check = self._writer().put, self._verifier()

            def do(task: Task) -> None:
                if task.proving:
                    check(task.extent)
                else:
                    put(task.extent)
                    meter.add(task.extent.length)
                if mark := tasks.done(task):
                    self._target.flush()
                    tasks.flushed(mark)

            return do

        run_parallel(tasks, make_worker, self._workers)

    def _writer(self) -> Writer:
        return Writer(self._source, self._target, self._tally)

    def _verifier(self) -> Work:
        readback = ReadBack(self._target)

        def check(extent: Extent) -> None:
            if not readback.matches(extent):
                raise VerifyError(f"{self._target.path}: {_describe(extent)} reads back different", FAULTY)
            verified = int(extent.digest is not None)
            self._tally.add(extent.image, bytes_read=extent.length, chunks_verified=verified)

        return check


def _bytes(extents: Iterable[Extent]) -> int:
    return sum(extent.length for extent in extents)


def _count_chunks(layout: Layout, tally: Tally) -> int:
    """Count them by image; the length of the largest."""
    largest = 0
    for extent in layout.extents():
        if extent.digest is not None:
            tally.add(extent.image, chunks_total=1)
            largest = max(largest, extent.length)
    return largest


def _describe(extent: Extent) -> str:
    what = f"chunk {extent.digest.hex()}" if extent.digest else f"a range of {extent.length} zeros"
    return f"{what} of {extent.image} at byte {extent.offset}"


def _reason(error: BaseException) -> str:
    if isinstance(error, KeyboardInterrupt):
        return "it was interrupted"
    return error.message if isinstance(error, ExplainedError) else f"{type(error).__name__}: {error}"

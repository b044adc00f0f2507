"""Writing a layout to a target so that it is right, or does not boot.

The phases are separate calls, in this order, so that each can be a step with a
progress of its own:

=========  ===============================================================================
survey     asks the strategy which extents the target already holds (by default: none)
prepare    fetches and proves what belongs into the guards, then wipes the guards
write      all other chunks: fetch, decompress, prove, write; zeros where the image has zeros
verify     reads all of it back and compares hashes; partition images are whole after it
seal       the label and the first MiB, sector 0 as the very last; read back too
=========  ===============================================================================

Between ``verify`` and ``seal`` a disk holds everything and cannot boot: the
place to personalise it. Nothing of a chunk is written before its SHA-256 has been checked.
Memory: one chunk and its object for each worker, and the guards' content.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from initramfs.agent.disk.errors import VerifyError
from initramfs.agent.disk.guards import FAULTY, Guards
from initramfs.agent.disk.outcome import Outcome, Tally
from initramfs.agent.disk.parallel import Meter, Progress, Worker, default_workers, run_parallel, silent
from initramfs.agent.disk.readback import ReadBack
from initramfs.agent.disk.strategy import Everything, Strategy
from initramfs.agent.disk.write import Writer

if TYPE_CHECKING:
    from initramfs.agent.disk.device import Target
    from initramfs.agent.disk.layout import Extent, Layout
    from initramfs.agent.disk.source import ChunkSource

Work = Callable[["Extent"], None]


class Restore:
    """One restore of one layout.

    Every phase raises a DiskError at the first failure: Missing, Corrupt or Unavailable with the
    chunk's name, DeviceError, VerifyError, LabelError. The target then stays unbootable.
    """

    def __init__(
        self,
        layout: Layout,
        source: ChunkSource,
        target: Target,
        *,
        workers: int | None = None,
        progress: Progress = silent,
        strategy: Strategy | None = None,
    ) -> None:
        self.layout = layout
        self._source, self._target, self._progress = source, target, progress
        self._strategy = strategy or Everything()
        self._workers = workers or default_workers()
        self._tally = Tally(sum(extent.digest is not None for extent in layout.extents()))
        self._guards = Guards(layout, target, self._tally)
        self._present: set[int] = set()

    @property
    def outcome(self) -> Outcome:
        """What has been done so far."""
        return self._tally.outcome

    def survey(self) -> None:
        """Find out what the target already holds. Writes nothing."""
        if self._strategy.judge(self._target) is not None:
            self._each("survey", self.layout.extents, self._surveyor)

    def prepare(self) -> None:
        """Fetch what is written last, and wipe its places.

        If the source lacks these chunks or the label does not fit, the target is not touched.
        """
        meter = Meter("prepare", 1, self._progress)
        if not self._complete():
            self._guards.load(self._writer())
            self._guards.wipe()
        meter.add(1)

    def write(self) -> None:
        """Everything outside of the guards that the target does not hold."""
        self._each("write", self._missing, lambda: self._writer().put)
        self._target.flush()

    def verify(self) -> None:
        """Read back what was written. After it every partition is whole; a disk still lacks its label."""
        self._each("verify", self._missing, self._verifier)
        if not self.layout.whole:
            self._guards.close()

    def seal(self) -> Outcome:
        """Make the disk bootable, after whatever was changed on it since ``verify`` is durable."""
        total = self._guards.size if self.layout.whole else 0
        meter = Meter("seal", total, self._progress)
        self._target.flush()
        if self.layout.whole:
            self._guards.close()
        if self._complete():
            self._count_guarded()
        meter.add(total)
        return self.outcome

    def run(self, before_seal: Callable[[Target], None] | None = None) -> Outcome:
        """All phases; ``before_seal`` is called when everything is on the disk and it cannot boot yet."""
        self.survey()
        self.prepare()
        self.write()
        self.verify()
        if before_seal is not None:
            before_seal(self._target)
        return self.seal()

    def _count_guarded(self) -> None:
        """The survey has found the guards' chunks right too, and nobody has touched them since."""
        for guard in self.layout.guards:
            for extent in self.layout.withheld(guard):
                self._tally.add(chunks_verified=1, bytes_skipped=extent.length)

    def _each(
        self, step: str, extents: Callable[[], Iterator[Extent]], make_work: Callable[[], Work]
    ) -> None:
        """Do a step's work to all extents in parallel, with its progress."""
        meter = Meter(step, sum(extent.length for extent in extents()), self._progress)

        def make_worker() -> Worker[Extent]:
            work = make_work()

            def do(extent: Extent) -> None:
                work(extent)
                meter.add(extent.length)

            return do

        run_parallel(extents(), make_worker, self._workers)

    def _writer(self) -> Writer:
        return Writer(self._source, self._target, self._tally)

    def _surveyor(self) -> Work:
        judge = self._strategy.judge(self._target)

        def look(extent: Extent) -> None:
            self._tally.add(bytes_read=extent.length)
            if judge is None or judge.needs(extent):
                return
            self._present.add(extent.offset)
            if self.layout.guard_of(extent) is None:
                self._tally.add(bytes_skipped=extent.length, chunks_verified=int(extent.digest is not None))

        return look

    def _verifier(self) -> Work:
        readback = ReadBack(self._target)

        def check(extent: Extent) -> None:
            if not readback.matches(extent):
                raise VerifyError(f"{self._target.path}: {_describe(extent)} reads back different", FAULTY)
            self._tally.add(bytes_read=extent.length, chunks_verified=int(extent.digest is not None))

        return check

    def _missing(self) -> Iterator[Extent]:
        """What ``write`` writes: neither present nor kept for the guards."""
        return (
            extent
            for extent in self.layout.extents()
            if extent.offset not in self._present and self.layout.guard_of(extent) is None
        )

    def _complete(self) -> bool:
        """Whether the survey found everything in its place: then nothing is written at all."""
        return bool(self._present) and all(e.offset in self._present for e in self.layout.extents())


def _describe(extent: Extent) -> str:
    what = f"chunk {extent.digest.hex()}" if extent.digest else f"a range of {extent.length} zeros"
    return f"{what} of {extent.image} at byte {extent.offset}"

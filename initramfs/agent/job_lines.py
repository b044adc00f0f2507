"""The job as lines on the screen of the machine and on its serial line.

Only formats; where the lines go is the caller's affair. Progress is a line
for every tenth, because a serial console cannot take a line back.
"""

from __future__ import annotations

from collections.abc import Callable

from initramfs.agent.plain import plain
from initramfs.messages import Report, StepState

MIB = 1 << 20


class JobLines:
    """A sink of reports that writes lines."""

    def __init__(self, write: Callable[[str], None]) -> None:
        self._write = write
        self._tenths = -1

    def __call__(self, report: Report) -> None:
        """Show one report, if it says something worth reading."""
        match report.state:
            case StepState.STARTED:
                self._tenths = 0
                self._write(f"==> {report.title}")
            case StepState.PROGRESS:
                self._progress(report)
            case StepState.LOG:
                self._write(f"    {report.detail}")
            case StepState.FINISHED:
                self._write(f"    {report.step}: done")
            case StepState.FAILED:
                self._write(f"    {report.step}: FAILED: {report.detail}")
            case StepState.PLANNED:
                pass

    def _progress(self, report: Report) -> None:
        tenths = report.done * 10 // report.total if report.total else 0
        if tenths > self._tenths:
            self._tenths = tenths
            self._write(f"    {tenths * 10:3d} %  {report.done // MIB} of {report.total // MIB} MiB")


def failure(message: str, hint: str) -> list[str]:
    """The lines that stay on the screen of a machine whose job has failed."""
    return [
        "",
        "*** This machine was not imaged. ***",
        f"error: {plain(message)}",
        *([f"hint: {plain(hint)}"] if hint else []),
        "",
    ]

"""How long the steps of a long command take, as its progress tells them."""

from __future__ import annotations

import time

from initramfs.imaging.device.parallel import ProgressCallback


class Stages:
    """A progress that passes on to another one, and measures. A step lasts until the next one begins."""

    def __init__(self, inner: ProgressCallback) -> None:
        self._inner = inner
        self._began: dict[str, float] = {}

    def __call__(self, step: str, done: int, total: int) -> None:
        """Note when a step begins, and pass it on."""
        self._began.setdefault(step, time.monotonic())
        self._inner(step, done, total)

    def seconds(self) -> dict[str, float]:
        """Seconds of each step up to now, in order."""
        ends = [*list(self._began.values())[1:], time.monotonic()]
        return {step: round(end - self._began[step], 3) for step, end in zip(self._began, ends, strict=True)}

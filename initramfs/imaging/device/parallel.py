"""Doing one thing to many items in several threads; the first failure stops all.

Threads, because everything expensive here (hashing, compressing, reading,
writing, waiting for the network) lets go of Python's global lock.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Generic, TypeVar

T = TypeVar("T")

Worker = Callable[[T], None]
ProgressCallback = Callable[[str, int, int], None]
"""``progress(step, done, total)`` in bytes. Called from several threads, never from two at once."""

COMPRESSORS = 2
"""Threads for each processor: one may wait for the disk. More take each other's cache away."""
MIN_WORKERS = 8
"""Even one processor has a disk and a network to wait for. With 4 on two processors, each processor
waited for a fifth of the time."""
MEMORY = 96 << 20
"""Bytes that the threads of a restore may hold in all, however many processors there are."""
COPIES = 2
"""A chunk in the hands of a thread: as it came, and unpacked."""


def default_workers(chunk: int = 0, processors: int | None = None) -> int:
    """How many threads keep disk, network and processors busy; fewer if a ``chunk`` is so many bytes."""
    wanted = max(MIN_WORKERS, 2 * (processors or os.cpu_count() or 1))
    return min(wanted, max(MIN_WORKERS, MEMORY // (COPIES * max(chunk, 1))))


def compressors(processors: int | None = None) -> int:
    """How many threads read, hash and compress: that keeps processors busy, and waits little."""
    return COMPRESSORS * max(2, processors or os.cpu_count() or 1)


def run_parallel(items: Iterable[T], make_worker: Callable[[], Worker[T]], workers: int) -> None:
    """Hand each item to a worker. Each thread makes a worker of its own, with its own buffers.

    Items are taken in order, one by one, by the threads. Returns when all is done;
    raises the first failure after all threads have ended.
    """
    team = _Team(iter(items), make_worker)
    threads = [threading.Thread(target=team.work, daemon=True) for _ in range(workers)]
    for thread in threads:
        thread.start()
    try:
        for thread in threads:
            thread.join()
    except BaseException:
        team.stopped.set()
        for thread in threads:  # none may go on writing to what the caller is about to close
            thread.join()
        raise
    if team.failure is not None:
        raise team.failure


class _Team(Generic[T]):
    def __init__(self, items: Iterator[T], make_worker: Callable[[], Worker[T]]) -> None:
        self.items, self.make_worker = items, make_worker
        self.stopped = threading.Event()
        self.failure: BaseException | None = None
        self.lock = threading.Lock()

    def work(self) -> None:
        try:
            worker = self.make_worker()
            while (item := self.take()) is not None:
                worker(item[0])
        except BaseException as error:  # noqa: BLE001 - raised again where the team was started
            with self.lock:
                self.failure = self.failure or error
                self.stopped.set()

    def take(self) -> tuple[T] | None:
        with self.lock:
            if self.stopped.is_set():
                return None
            for item in self.items:
                return (item,)
            return None


class Meter:
    """Counts the bytes of one step, from several threads, and tells the progress."""

    def __init__(self, step: str, total: int, progress: ProgressCallback) -> None:
        self.step, self.total, self.done, self._progress = step, total, 0, progress
        self._lock = threading.Lock()
        progress(step, 0, total)

    def add(self, count: int) -> None:
        """Count so many bytes more as done."""
        with self._lock:
            self.done += count
            self._progress(self.step, self.done, self.total)


def silent(_step: str, _done: int, _total: int) -> None:
    """Shows nothing."""

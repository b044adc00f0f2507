"""Runs the parts as processes and does what ``supervision`` decides. Linux; the only place that starts them.

Each part leads a process group of its own, so that what it leaves behind can be
swept away, and holds the read end of a pipe whose write end is ours: when we are
gone, even killed, it reads the end and stops by itself.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import sys
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any

from provisioner.base.errors import ProvisionerError
from provisioner.serve import priority, privileges, supervision
from provisioner.serve.handshake import ReadyMessage, Settings, heard
from provisioner.serve.supervision import Action, Supervision

log = logging.getLogger("clonesys.serve")

LAST_WORD = 2.0
"""Seconds to wait for what a part that has ended has said before."""

Announce = Callable[[dict[str, str]], None]


@dataclass(slots=True)
class Supervisor:
    """Serves until SIGTERM or SIGINT. ``announce`` is told once where everything serves."""

    settings: Settings
    parts: tuple[str, ...]
    announce: Announce
    _decide: Supervision = field(init=False)
    _processes: dict[str, asyncio.subprocess.Process] = field(default_factory=dict)
    _where: dict[str, str] = field(default_factory=dict)
    _trouble: ReadyMessage | None = None
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)
    _changed: asyncio.Event = field(default_factory=asyncio.Event)
    _end: supervision.Finish | None = None

    async def run(self) -> None:
        """Serve. Raises ProvisionerError with the part's own reason if one cannot start."""
        self._decide = Supervision(self.parts)
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, lambda: self._do(self._decide.stop(time.monotonic())))
        self._do(self._decide.start(time.monotonic()))
        while self._end is None:
            await self._pause()
            self._do(self._decide.tick(time.monotonic()))
        await asyncio.gather(*self._tasks)
        if self._end.failure:
            trouble = self._trouble or ReadyMessage()
            raise ProvisionerError(
                trouble.error or self._end.failure, trouble.hint or "the log above says more"
            )

    async def _pause(self) -> None:
        wake = self._decide.wake()
        timeout = None if wake is None else max(0.0, wake - time.monotonic())
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._changed.wait(), timeout)
        self._changed.clear()

    def _do(self, actions: list[Action]) -> None:
        for action in actions:
            match action:
                case supervision.Start(part):
                    self._background(self._live(part))
                case supervision.Terminate(part):
                    self._signal(part, signal.SIGTERM)
                case supervision.Kill(part):
                    self._sweep(part)
                case supervision.Announce():
                    self.announce(dict(sorted(self._where.items())))
                case supervision.Say(line):
                    log.warning("%s", line)
                case supervision.Finish():
                    self._end = action
        if actions:  # only news wakes the loop: it would wake itself for ever, and starve the signals
            self._changed.set()

    def _background(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _live(self, part: str) -> None:
        """One life of a part, from its start to its end."""
        try:
            process, ours = await self._born(part)
        except OSError as error:  # no memory, no descriptor, no home: that passes, so it is tried again
            self._do(self._decide.died(part, f"no life: {error}", time.monotonic()))
            return
        self._processes[part] = process
        if part == priority.FIRST:
            priority.prefer(process.pid)
        if self._decide.phase is supervision.Phase.STOPPING:  # asked to end while we were starting it
            self._signal(part, signal.SIGTERM)
        listening = asyncio.create_task(self._listen(part, ours))
        status = await process.wait()
        # What it started may hold its end of the pipe still: its last word is there already, or never comes.
        await asyncio.wait({listening}, timeout=LAST_WORD)
        listening.cancel()
        self._do(self._decide.died(part, _how(status), time.monotonic()))
        del self._processes[part]  # its number may be another's from now on

    async def _born(self, part: str) -> tuple[asyncio.subprocess.Process, int]:
        """The process, and the end of a pipe where it speaks. Raises OSError."""
        ours, theirs = os.pipe()
        try:
            return await self._spawn(part, theirs), ours
        except BaseException:
            os.close(ours)
            raise
        finally:
            os.close(theirs)

    async def _spawn(self, part: str, ready: int) -> asyncio.subprocess.Process:
        python = (*privileges.prefix(part, self.settings.home), sys.executable, "-m")
        command = (*python, "provisioner.serve.child", part, str(ready), self.settings.to_json())
        return await asyncio.create_subprocess_exec(
            *command, stdin=asyncio.subprocess.PIPE, pass_fds=(ready,), start_new_session=True
        )

    async def _listen(self, part: str, pipe: int) -> None:
        """Hear what the part says: one message, then signs of life. A part that dies closes the pipe."""
        reader = asyncio.StreamReader()
        transport, _ = await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(pipe, "rb")
        )
        try:
            self._hear(part, heard(await reader.readline()))
            while await reader.readline():
                self._decide.alive(part, time.monotonic())
        finally:
            transport.close()

    def _hear(self, part: str, message: ReadyMessage) -> None:
        if message.error:
            self._trouble = self._trouble or message
            if (
                self._decide.phase is supervision.Phase.SERVING
            ):  # a restart that failed; the first start raises
                log.error("%s: %s (%s)", part, message.error, message.hint)
            return
        self._where |= message.where
        self._do(self._decide.ready(part, time.monotonic()))

    def _signal(self, part: str, number: signal.Signals) -> None:
        process = self._processes.get(part)
        if process is not None and process.returncode is None:
            process.send_signal(number)

    def _sweep(self, part: str) -> None:
        process = self._processes.get(part)
        if process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


def _how(status: int) -> str:
    return f"signal {-status}" if status < 0 else f"exit status {status}"

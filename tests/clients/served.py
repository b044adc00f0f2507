"""``clonesys serve`` as a process on loopback, with all of its parts, and what can be seen of them."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

CLONESYS = Path(sys.executable).with_name("clonesys")
PORTS = ("--dhcp-port", "0", "--binl-port", "0", "--tftp-port", "0", "--dns-port", "0")
PATIENCE = 60.0

Wrap = Callable[[tuple[str | Path, ...]], tuple[str | Path, ...]]


class Served:
    """A running appliance."""

    def __init__(self, process: subprocess.Popen[str], line: str) -> None:
        self.process = process
        self.line = line

    @property
    def url(self) -> str:
        """Where its HTTP is."""
        found = re.search(r"http ([0-9.:]+)", self.line)
        assert found
        return f"http://{found[1]}"

    def parts(self) -> dict[str, psutil.Process]:
        """Its direct children by the part they are."""
        found = {}
        for child in psutil.Process(self.process.pid).children():
            match _command(child):
                case [_, "-m", "provisioner.serve.child", part, *_]:
                    found[part] = child
        return found


def _command(process: psutil.Process) -> list[str]:
    """A process's command line; empty if it has just ended."""
    try:
        return process.cmdline()
    except psutil.NoSuchProcess:
        return []


@contextmanager
def serve(home: Path, *options: str, wrap: Wrap = tuple) -> Iterator[Served]:
    """Start, wait until it is ready, and kill whatever is left at the end. ``wrap`` runs it elsewhere."""
    command: tuple[str | Path, ...] = (
        CLONESYS,
        "--home",
        home,
        "serve",
        "--listen",
        "127.0.0.1",
        *PORTS,
        *options,
    )
    process = subprocess.Popen(wrap(command), stdout=subprocess.PIPE, text=True)
    family: list[psutil.Process] = []
    try:
        assert process.stdout
        line = process.stdout.readline()
        assert line.startswith("ready: "), line
        family = psutil.Process(process.pid).children(recursive=True)
        yield Served(process, line)
    finally:
        process.kill()
        process.communicate()
        _, left = psutil.wait_procs(family, timeout=PATIENCE)
        for straggler in left:
            straggler.kill()
        assert not left, "children outlived their supervisor"

"""What the rows work on: a Debian on a partition, its next generation, both captured, and servers."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Callable
from contextlib import ExitStack
from functools import cached_property
from pathlib import Path
from typing import Self

from initramfs.imaging.device.loop import loop_device
from initramfs.imaging.device.mounting import mounted
from tests.bench import debian, disks, static
from tests.bench.appliance import NAME, Appliance
from tests.bench.measure import forget, pipeline
from tests.images.filesystems import blank
from tests.lab.cache import BUILD, cached
from tests.lab.command import run
from tests.lab.daemon import Daemon
from tests.lab.waiting import Deadline, until

FOLDER = BUILD / "bench"
SIZE = 4 * disks.GIB_IN_MIB
LARGE = 64 * disks.GIB_IN_MIB


class World:
    """Made as it is asked for. A context manager: leaving it leaves only the reports."""

    def __init__(self, runs: int, say: Callable[[str], None]) -> None:
        self.runs, self.say = runs, say
        self.work = FOLDER / "work"
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        disks.remove(self.work)
        self.work.mkdir(parents=True)
        self._stack.callback(disks.remove, self.work)
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    # --- the system -----------------------------------------------------------------------------------------

    @cached_property
    def unpacked(self) -> Path:
        """``root/`` and ``changes/``."""
        archive = debian.archive()
        run("tar", "-C", self.work, "--numeric-owner", "-xf", archive)
        return self.work

    @cached_property
    def first(self) -> Path:
        """The partition, 4 GiB, as a file."""
        self.say("making a 4 GiB partition with a Debian")
        disks.partition(self.work / "first.img", SIZE, self.unpacked / debian.ROOT)
        return self.work / "first.img"

    @cached_property
    def second(self) -> Path:
        """The same after one package was upgraded by dpkg, mounted."""
        disks.copy(self.first, self.work / "second.img")
        self.change(self.work / "second.img", 1)
        return self.work / "second.img"

    @cached_property
    def large(self) -> Path:
        """The same system on 64 GiB."""
        disks.partition(self.work / "large.img", LARGE, self.unpacked / debian.ROOT)
        return self.work / "large.img"

    def change(self, image: Path, number: int) -> None:
        """Do one of debian.CHANGES to the system in ``image``."""
        size = image.stat().st_size
        with loop_device(image, 0, size, writable=True) as device, mounted(device, "auto") as root:
            debian.apply(number, root, self.unpacked / debian.DOWNLOADED)

    # --- devices --------------------------------------------------------------------------------------------

    def device(self, file: Path) -> Path:
        """A loop device to read from, until the end."""
        return self._stack.enter_context(disks.loop(file, read_only=True))

    def target(self, size: int = SIZE) -> Path:
        """A loop device to write to, until the end; ``size`` in MiB."""
        file = self.work / f"target-{size}.img"
        if not file.exists():
            blank(file, size)
        return self._stack.enter_context(disks.loop(file))

    @cached_property
    def source(self) -> Path:
        """The first generation's device."""
        return self.device(self.first)

    @cached_property
    def target_small(self) -> Path:
        """4 GiB to write to."""
        return self.target()

    def blank(self, device: Path) -> None:
        """Before each run: the device as it came, caches cold."""
        disks.empty(device)
        forget()

    # --- images and servers --------------------------------------------------------------------------------

    @cached_property
    def appliance(self) -> Appliance:
        """Holds the first generation."""
        appliance = Appliance(self.work / "home")
        appliance.capture(self.source)
        return appliance

    @cached_property
    def updated(self) -> Appliance:
        """The same, with the second generation too."""
        with disks.loop(self.second, read_only=True) as device:
            self.appliance.capture(device, NAME)
        return self.appliance

    @cached_property
    def url(self) -> str:
        """Our server."""
        return self._stack.enter_context(self.appliance.serve())

    @cached_property
    def peers_url(self) -> str:
        """The peers' server: ``debian.pcl.zst`` (partclone, zstd -3) and ``debian.gz`` (all, gzip -1)."""
        files = self.work / "files"
        files.mkdir()
        save = f"partclone.ext4 -c -s {self.source} -o - -L /dev/null 2>/dev/null | zstd -3 -T2 -q"
        os.link(self._made("debian.pcl.zst", save), files / "debian.pcl.zst")
        os.link(self._made("debian.gz", f"gzip -1 < {self.first}"), files / "debian.gz")
        port = _free_port()
        daemon = Daemon((sys.executable, "-m", static.__name__, files, str(port)), self.work / "static.log")
        self._stack.enter_context(daemon)
        until(lambda: _answers(port), Deadline.within(30), f"the peers' server\n{daemon.tail()}")
        return f"http://127.0.0.1:{port}{static.PREFIX}"

    def _made(self, name: str, command: str) -> Path:
        """What a command prints, from the cache if there: gzip takes a minute."""
        recipe = (Path(__file__), Path(disks.__file__), debian.archive().name)

        def make(path: Path) -> None:
            self.say(f"making {name}")
            pipeline(f"{command} > {path}")

        return cached(f"bench-{name}", recipe, make)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


def _answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True

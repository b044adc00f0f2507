"""Our side: an appliance in a folder, its command line, and its real HTTP server."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from initramfs.imaging.format.index import State
from initramfs.imaging.format.signed import decode
from provisioner.base.home import Home
from provisioner.security.keys import load_public_key
from tests.bench.measure import CLONESYS, Sample, measure
from tests.lab.command import run
from tests.lab.daemon import Daemon
from tests.lab.waiting import Deadline, until

NAME = "sda5_Debian"


class Appliance:
    """One home directory."""

    def __init__(self, home: Path) -> None:
        self.home, self.store, self.chunks = home, Home(home).store, Home(home).store / "chunks"
        run(CLONESYS, "--home", home, "init", "--yes")

    def capture(self, source: Path, name: str = NAME) -> Sample:
        """``clonesys image capture``."""
        return self._image("capture", source, name)

    def restore(self, image: str, target: Path, *words: str) -> Sample:
        """``clonesys image restore``."""
        return self._image("restore", image, target, "--yes", *words)

    def forget(self, image: str) -> None:
        """Remove a generation and its chunks."""
        run(CLONESYS, "--home", self.home, "image", "rm", image, "--yes")
        run(CLONESYS, "--home", self.home, "image", "gc")

    def forget_all(self) -> None:
        """As new."""
        shutil.rmtree(self.store, ignore_errors=True)

    def manifest(self, generation: int) -> Path:
        """The signed file."""
        return self.store / "manifests" / NAME / str(generation)

    @property
    def key(self) -> str:
        """The public key, as hexadecimal digits."""
        return load_public_key(self.home).public_bytes_raw().hex()

    def image_size(self, generation: int) -> int:
        """Bytes of a generation's chunk objects: what fetching all of it transfers."""
        image = decode(self.manifest(generation).read_bytes(), load_public_key(self.home))
        names = {item.digest.hex() for item in image.index if item.state is State.DATA}
        return sum((self.chunks / name[:2] / name).stat().st_size for name in names)

    @property
    def size(self) -> int:
        """Bytes of all that is stored."""
        return sum(path.stat().st_size for path in self.store.rglob("*") if path.is_file())

    @contextmanager
    def serve(self) -> Iterator[str]:
        """``clonesys serve --only http`` on loopback; its URL."""
        log = self.home / "serve.log"
        words = ("serve", "--only", "http", "--http-listen", "127.0.0.1:0")
        with Daemon((CLONESYS, "--home", self.home, *words), log) as server:
            until(
                lambda: "ready:" in log.read_text() or not server.running, Deadline.within(60), "the server"
            )
            found = re.search(r"ready: http (\S+)", log.read_text())
            if not found:
                raise RuntimeError(f"'clonesys serve' ended: {server.tail()}")
            yield f"http://{found[1]}"

    def _image(self, *words: str | Path) -> Sample:
        return measure(CLONESYS, "--home", self.home, "image", *words, "--json")

"""The server lies, breaks off, dies and comes back: nothing wrong is written, and what can go on goes on."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from initramfs.agent.chunks import HttpChunks
from initramfs.agent.fetch import Appliance, Clock
from initramfs.imaging.device.device import Device
from initramfs.imaging.errors import ChunkError, Corrupt, Missing, Unavailable
from initramfs.imaging.restore.restore import Restore
from provisioner.images import operations
from tests.clients.chunk_server import Handler, Trouble, serving
from tests.clients.http_part import HttpPart
from tests.faults.conftest import SIZE, Site
from tests.images.in_memory import MIB, lay, reason_on
from tests.lab.waiting import Deadline, until

pytestmark = pytest.mark.timeout(300)

MIDDLE = 20
"""A request when the boot-critical regions are loaded and chunks are being written."""


@dataclass
class Impatient:
    """Time that passes when somebody waits."""

    at: float = 0.0

    def clock(self) -> Clock:
        """As the agent sees it."""
        return Clock(lambda: self.at, self.sleep)

    def sleep(self, seconds: float) -> None:
        """No time at all."""
        self.at += seconds


def restore(site: Site, url: str, path: Path, **options: Any) -> Restore:
    """A restore over HTTP to a file that held something else."""
    path.write_bytes(b"\x55\xaa" * (SIZE // 2))
    appliance = Appliance(url, **({"clock": Impatient().clock()} | options))
    try:
        with Device.open(path, writable=True) as device:
            restore = Restore(lay(site.image, SIZE), HttpChunks(appliance), device, workers=3)
            restore.run()
            return restore
    finally:
        appliance.close_all()


@pytest.mark.parametrize(
    "how",
    [Handler.truncate, lambda request: request.answer(503), lambda request: request.answer(500)],
    ids=["truncated", "busy", "error"],
)
def test_a_bad_answer_is_asked_for_again(site: Site, tmp_path: Path, how: Callable[[Handler], bool]) -> None:
    """Every seventh body ends early, or the server cannot just now."""

    def trouble(request: Handler, number: int) -> bool:
        return number % 7 == 0 and how(request)

    with serving(site.home, trouble) as server:
        done = restore(site, server.url, tmp_path / "disk")
    assert (tmp_path / "disk").read_bytes() == site.source
    assert done.counts.chunks_fetched == site.chunks


def after(count: int, how: Callable[[Handler], bool]) -> Trouble:
    """From the ``count``-th request on."""
    return lambda request, number: number >= count and how(request)


@pytest.mark.parametrize(
    ("how", "kind", "words"),
    [
        (Handler.truncate, Unavailable, "does not answer"),
        (Handler.shorten, Corrupt, "zstd"),
        (Handler.flip, Corrupt, "chunk"),
        (lambda request: request.answer(404), Missing, "does not have it"),
        (lambda request: request.answer(403, b'{"detail": "no"}'), Unavailable, "403 no"),
    ],
    ids=["truncated", "short", "flipped", "404", "403"],
)
def test_a_server_that_stays_bad_leaves_a_disk_that_does_not_start(
    site: Site, tmp_path: Path, how: Callable[[Handler], bool], kind: type[ChunkError], words: str
) -> None:
    """And that says why. Nothing that is not proved was written."""
    with serving(site.home, after(MIDDLE, how)) as server, pytest.raises(kind, match=words) as caught:
        restore(site, server.url, tmp_path / "disk", patience=5)
    content = (tmp_path / "disk").read_bytes()
    assert caught.value.message[:300] in reason_on(content)
    for at in range(MIB, SIZE - MIB, 512):
        found = content[at : at + 512]
        assert found in (site.source[at : at + 512], b"\x55\xaa" * 256)


def test_a_bad_chunk_before_the_first_write_changes_nothing(site: Site, tmp_path: Path) -> None:
    """What is written last is fetched first."""
    with serving(site.home, after(1, Handler.flip)) as server, pytest.raises(Corrupt):
        restore(site, server.url, tmp_path / "disk")
    assert (tmp_path / "disk").read_bytes() == b"\x55\xaa" * (SIZE // 2)


def test_a_server_that_dies_is_waited_for(site: Site, tmp_path: Path) -> None:
    """``clonesys serve`` is killed in the middle, and comes back on the same port: the same restore ends."""
    first = HttpPart(site.home, tmp_path / "first.log")
    second = HttpPart(site.home, tmp_path / "second.log", first.port)
    told: list[str] = []

    restarting, counting = threading.Lock(), threading.Lock()

    def waiting(reason: str) -> None:
        with restarting:
            told.append(reason)
            if not second.running:
                until(lambda: not first.listens, Deadline.within(30), "the port")
                second.start()

    appliance = Appliance(first.url, Clock(time.monotonic, time.sleep), waiting, patience=60)
    path = tmp_path / "disk"
    path.write_bytes(b"\x55\xaa" * (SIZE // 2))
    fetched: list[bytes] = []

    class Killer(HttpChunks):
        """The appliance's chunks; its end after some of them."""

        def fetch(self, digest: bytes) -> bytes:
            with counting:  # its workers drain for a moment: nothing more is fetched meanwhile
                fetched.append(digest)
                if len(fetched) == MIDDLE:
                    first.kill()
                    until(lambda: not first.listens, Deadline.within(30), "the end of the server")
            return super().fetch(digest)

    with first:
        try:
            with Device.open(path, writable=True) as device:
                outcome = Restore(lay(site.image, SIZE), Killer(appliance), device, workers=2).run()
        finally:
            appliance.close_all()
            second.stop()
    assert told
    assert path.read_bytes() == site.source
    assert outcome.chunks_fetched == site.chunks


def test_a_flipped_bit_in_the_store_is_noticed(site: Site, tmp_path: Path) -> None:
    """Where it lies, not on its way: the disk of the server has changed it."""
    victim = next(item for item in site.image.index if item.offset > 12 * MIB and any(item.digest))
    path = site.store.chunk_path(victim.digest)
    healthy = path.read_bytes()
    try:
        path.chmod(0o600)
        path.write_bytes(healthy[:100] + bytes([healthy[100] ^ 1]) + healthy[101:])
        target = tmp_path / "disk"
        with (
            operations.open_target(target, site.image) as device,
            pytest.raises(Corrupt, match=victim.digest.hex()),
        ):
            operations.restore_image(site.image, site.store, device)
        assert victim.digest.hex() in reason_on(target.read_bytes())
    finally:
        path.write_bytes(healthy)

"""``kill -9`` of a real restore at any instant: the disk does not start, or is right; and it is continued."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from initramfs.imaging.restore.boot_critical import decode_marker
from initramfs.imaging.restore.counts import RestoreCounts
from initramfs.imaging.restore.restore import Restore
from initramfs.imaging.restore.strategy import Adaptive
from provisioner.images import operations
from tests.clients.chunk_server import Handler, serving
from tests.faults.conftest import NAME, Loop, Site

pytestmark = [pytest.mark.root, pytest.mark.timeout(600)]

CLONESYS = Path(sys.executable).with_name("clonesys")


def dying(site: Site, disk: Path, cut: int) -> subprocess.CompletedProcess[str]:
    """A restore in a process of its own that dies at operation ``cut``."""
    words = [sys.executable, "-m", "tests.images.killed_restore", str(site.home), NAME, str(disk), str(cut)]
    return subprocess.run(words, capture_output=True, text=True, check=False)


def assert_closed_or_right(disk: Path, site: Site, before: bytes) -> None:
    """Nothing in between can start."""
    content = disk.read_bytes()
    if content[510:512] == b"\x55\xaa":
        assert content in (before, site.source)
    else:
        assert decode_marker(content[:512]) or content[:512] == bytes(512)


def goes_on(site: Site, disk: Path) -> RestoreCounts:
    """Another restore; the disk is then right."""
    with operations.open_target(disk, site.image) as device:
        layout = operations.layout_for(site.image, site.store, device)
        outcome = Restore(layout, site.store, device, strategy=Adaptive()).run()
    assert disk.read_bytes() == site.source
    assert outcome.chunks_verified == outcome.chunks_total == site.chunks
    return outcome


def test_killed_at_fifty_instants(site: Site, loop: Loop) -> None:
    """Seeded ones, spread over all of its operations; what was written is not fetched again."""
    rng = random.Random(3)
    with loop() as disk:
        whole = dying(site, disk, 0)
        assert whole.returncode == 0, whole.stderr
        operations_in_all = int(whole.stdout)
    saved = 0
    for number in range(50):
        with loop() as disk:
            before = disk.read_bytes()
            cut = 1 + operations_in_all * number // 50 + rng.randrange(operations_in_all // 50)
            killed = dying(site, disk, cut)
            assert killed.returncode in (-signal.SIGKILL, 0), killed.stderr  # how often it probes varies
            assert_closed_or_right(disk, site, before)
            saved += site.chunks - goes_on(site, disk).chunks_fetched
    assert saved > 50 * site.chunks * 0.2


@pytest.mark.parametrize("seed", range(6))
def test_the_command_is_killed_while_it_fetches(site: Site, loop: Loop, seed: int) -> None:
    """``clonesys image restore --from`` in the middle of a chunk; continued by the same command."""
    words = [str(CLONESYS), "--home", str(site.home), "image", "restore", NAME]
    victim = 1 + random.Random(seed).randrange(site.chunks)
    process: list[subprocess.Popen[bytes]] = []

    def trouble(request: Handler, number: int) -> bool:
        if number != victim:
            return False
        request.truncate()
        process[0].kill()
        return True

    with loop() as disk:
        before = disk.read_bytes()
        with serving(site.home, trouble) as server:
            options = ["--from", server.url, "--yes", "--json"]
            process.append(subprocess.Popen([*words, str(disk), *options], stdout=subprocess.PIPE))
            process[0].communicate()
        assert process[0].returncode == -signal.SIGKILL
        assert_closed_or_right(disk, site, before)
        opened = disk.read_bytes() != before
        done = subprocess.run(
            [*words, str(disk), "--yes", "--json"], capture_output=True, text=True, check=True
        )
        assert disk.read_bytes() == site.source
        assert ("did not end" in done.stderr) is opened

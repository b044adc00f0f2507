"""A capture that is killed at any instant: old generations whole, no orphan visible, everything cleaned up.

A kill, not a loss of power: what the kernel holds survives it.
"""

from __future__ import annotations

import multiprocessing
import os
import random
import signal
import sys
from pathlib import Path

import pytest

from initramfs.imaging.capture.capture import Facts
from provisioner.images.operations import Options, add_image, everything
from provisioner.images.prune import prune
from provisioner.images.verify import verify_chunks
from provisioner.stores.directory.store import DirectoryStore
from tests.images.in_memory import KEY, MIB, PUBLIC

CUTS = 20
OPERATIONS = frozenset(
    {"open", "os.mkdir", "os.rename", "os.remove", "os.truncate", "fcntl.flock", "shutil.rmtree"}
)
"""What changes a store or is about to, as Python's audit hooks name it."""


def capture_and_die(root: Path, source: Path, instant: int, told: Path) -> None:
    """Capture; SIGKILL at the given operation on the store, or write down how many there were."""
    count = 0

    def look(event: str, arguments: tuple[object, ...]) -> None:
        nonlocal count
        if event in OPERATIONS and (event == "fcntl.flock" or str(arguments[0]).startswith(str(root))):
            count += 1
            if count == instant:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(look)
    add_image(DirectoryStore(root), KEY, source, Facts("sda5_Data"), Options())
    told.write_text(str(count))
    os._exit(0)


def in_a_process(root: Path, source: Path, instant: int, told: Path) -> int | None:
    """Its exit status: minus the signal."""
    process = multiprocessing.get_context("fork").Process(
        target=capture_and_die, args=(root, source, instant, told)
    )
    process.start()
    process.join()
    return process.exitcode


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Noise: every MiB is a chunk."""
    path = tmp_path / "raw"
    path.write_bytes(random.Random(1).randbytes(12 * MIB))
    return path


def test_a_killed_capture_harms_nothing(tmp_path: Path, source: Path) -> None:
    """At 20 instants from its first operation on the store to its last."""
    store, told = DirectoryStore(tmp_path / "store"), tmp_path / "told"
    add_image(store, KEY, source, Facts("sda5_Data"), Options())
    rng = random.Random(2)
    total, killed, before = 0, 0, [1]
    for cut in range(CUTS + 1):
        with source.open("r+b") as file:  # half of it is new, half relied upon
            file.write(rng.randbytes(6 * MIB))
        instant = rng.randint(1 + total * (cut - 1) // CUTS, max(1, total * cut // CUTS)) if cut else -1
        status = in_a_process(store.root, source, instant, told)
        total = total or int(told.read_text())
        assert status in {-signal.SIGKILL, 0}
        killed += status != 0
        there = store.generations("sda5_Data")
        assert before in (there, there[:-1])
        before = there
        if cut % 4 == 3:
            prune(store, PUBLIC)
            assert not list(store.places.incoming.iterdir())
            assert not list(store.places.manifests.glob("*/*.new"))
        assert verify_chunks(store, list(everything(store, PUBLIC))).ok
    assert total > CUTS
    assert killed > CUTS * 3 // 4, "a folder that is there already is one operation less"
    add_image(store, KEY, source, Facts("sda5_Data"), Options())
    prune(store, PUBLIC)
    images = list(everything(store, PUBLIC))
    assert set(store.chunks()) == {r.digest for image in images for r in image.index if any(r.digest)}

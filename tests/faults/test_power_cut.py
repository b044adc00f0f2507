"""The power fails at any instant of a change to the store: nothing that counts is torn or lost.

The real program is recorded; every state that its syncs allow a disk to hold afterwards is then made and
looked at, as the appliance would find it.
"""

from __future__ import annotations

import random
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from initramfs.imaging.capture.capture import Facts
from provisioner.database.engine import open_migrated
from provisioner.hosts.registry import find_host
from provisioner.images.operations import Options, add_image, everything
from provisioner.images.prune import prune
from provisioner.images.verify import verify_chunks
from provisioner.profiles.files import load_profile
from provisioner.security.keys import load_private_key, load_public_key
from provisioner.stores.directory.store import DirectoryStore
from tests.images.in_memory import KEY, PUBLIC
from tests.images.store_change import CHUNK, NAME
from tests.lab.durability.power_cut import after_cut
from tests.lab.durability.recorder import Recording, record
from tests.lab.durability.tree import Tree

CHUNKS = 12
INSTANTS = 40


@dataclass(frozen=True)
class Scene:
    """A store, and a source that differs from what it holds in half of its chunks."""

    store: DirectoryStore
    source: Path
    scratch: Path

    def add(self, store: DirectoryStore) -> None:
        """Capture the source as it is."""
        add_image(store, KEY, self.source, Facts(NAME), Options(chunk_size=CHUNK))

    def change(self) -> None:
        """Half of the source is another one."""
        with self.source.open("r+b") as file:
            file.write(random.Random(len(self.store.generations(NAME))).randbytes(CHUNKS * CHUNK // 2))

    def recorded(self, verb: str) -> Recording:
        """What a change of the store does to its folder."""
        words: list[str | Path] = [
            sys.executable,
            "-m",
            "tests.images.store_change",
            self.store.root,
            verb,
            self.source,
        ]
        return record(words, self.store.root, self.scratch / "calls")

    def after(self, tree: Tree) -> DirectoryStore:
        """The store as a machine finds it that has started again."""
        root = self.scratch / "after"
        shutil.rmtree(root, ignore_errors=True)
        root.mkdir()
        tree.write_to(root)
        for pool in (root / "incoming" / "uploads").glob("*"):
            pool.rename(pool.with_name("an-earlier-boot"))
        return DirectoryStore(root)


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    """An empty store, and noise: no chunk is like another."""
    store, source = DirectoryStore(tmp_path / "store"), tmp_path / "source"
    store.make()
    source.write_bytes(random.Random(-1).randbytes(CHUNKS * CHUNK))
    return Scene(store, source, tmp_path)


def instants(recording: Recording) -> list[int]:
    """Spread over all of the change; its end is one of them."""
    count = len(recording.operations)
    return sorted({1 + (count - 1) * number // (INSTANTS - 1) for number in range(INSTANTS)})


def assert_whole(store: DirectoryStore) -> None:
    """Every image that can be seen can be read, and every one of its chunks is right."""
    assert verify_chunks(store, list(everything(store, PUBLIC))).ok


@pytest.mark.parametrize("verb", ["capture", "upload"])
@pytest.mark.parametrize("generations", [0, 1], ids=["first", "next"])
def test_an_image_is_there_wholly_or_not_at_all(scene: Scene, verb: str, generations: int) -> None:
    """At the end it is there; the next capture is right too, whatever the cut has left behind."""
    before = list(range(1, generations + 1))
    for _ in before:
        scene.add(scene.store)
        scene.change()
    recording, rng = scene.recorded(verb), random.Random(2)
    seen = set()
    for instant in instants(recording):
        trees = list(after_cut(recording, instant, rng))
        for tree in trees:
            store = scene.after(tree)
            seen.add(len(store.generations(NAME)))
            assert_whole(store)
        store = scene.after(rng.choice(trees))
        scene.add(store)
        assert_whole(store)
    assert seen == {generations, generations + 1}
    for tree in after_cut(recording, len(recording.operations), rng):
        assert scene.after(tree).generations(NAME) == [*before, generations + 1], "it was said to be there"


def test_an_image_goes_and_takes_nothing_along(scene: Scene) -> None:
    """The other generation keeps its chunks; one that was said to be removed does not come back."""
    for _ in range(2):
        scene.add(scene.store)
        scene.change()
    recording, rng = scene.recorded("remove"), random.Random(3)
    for instant in instants(recording):
        for tree in after_cut(recording, instant, rng):
            store = scene.after(tree)
            assert store.generations(NAME) in ([1, 2], [2])
            assert_whole(store)
            prune(store, PUBLIC)
            assert_whole(store)
    for tree in after_cut(recording, len(recording.operations), rng):
        assert scene.after(tree).generations(NAME) == [2]


def test_a_repaired_chunk_is_whole(scene: Scene) -> None:
    """At no instant is one there that looks new and is torn; what was said to be repaired is right."""
    scene.add(scene.store)
    victim = min(scene.store.chunks())
    path = scene.store.chunk_path(victim)
    path.write_bytes(corrupt := path.read_bytes()[:-1] + b"?")
    recording, rng = scene.recorded("repair"), random.Random(5)
    for instant in instants(recording):
        for tree in after_cut(recording, instant, rng):
            store = scene.after(tree)
            bad = verify_chunks(store, list(everything(store, PUBLIC)))
            assert {*bad.missing, *bad.corrupt} <= {victim}
            assert bad.missing or not bad.corrupt or store.fetch(victim) == corrupt
    for tree in after_cut(recording, len(recording.operations), rng):
        assert_whole(scene.after(tree))


@contextmanager
def reading(database: Path) -> Iterator[None]:
    """Another process that has the database open, as the services of an appliance do."""
    hold = "import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); c.execute('SELECT * FROM hosts'); print()"
    words: list[str | Path] = [
        sys.executable,
        "-c",
        f"{hold}; sys.stdout.flush(); sys.stdin.read()",
        database,
    ]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout
        process.stdout.readline()
        yield


def test_what_a_command_has_said_is_there(tmp_path: Path) -> None:
    """Keys, a profile, and what is in the database: a host."""
    home = tmp_path / "home"
    home.mkdir()
    profile = tmp_path / "look.toml"
    profile.write_text('action = "inventory"\n')

    def clonesys(*words: str | Path) -> Recording:
        command = [Path(sys.executable).with_name("clonesys"), "--home", home, *words]
        return record(command, home, tmp_path / "calls")

    def left(recording: Recording) -> Iterator[Path]:
        for tree in after_cut(recording, len(recording.operations), random.Random(4)):
            shutil.rmtree(tmp_path / "after", ignore_errors=True)
            (tmp_path / "after").mkdir()
            tree.write_to(tmp_path / "after")
            yield tmp_path / "after"

    for after in left(clonesys("init", "--yes")):
        assert load_public_key(after) == load_private_key(after).public_key()
        open_migrated(after).close()
    for after in left(clonesys("profile", "add", profile)):
        assert load_profile(after, "look").action == "inventory"
    with reading(home / "clonesys.db"):  # the last to close a WAL database makes everything durable
        added = clonesys("host", "add", "pc1", "--mac", "52:54:00:00:00:01")
    for after in left(added):
        with closing(open_migrated(after)) as database, database.read() as session:
            assert find_host(session, "pc1").name == "pc1"

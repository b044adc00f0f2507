"""The directory store: what is in it is whole, and appears at once or not at all."""

from __future__ import annotations

import hashlib
import os
import threading
from pathlib import Path

import pytest

from initramfs.imaging.errors import Missing, Unavailable
from initramfs.imaging.format.names import partition_of
from provisioner.stores.directory.store import DirectoryStore
from provisioner.stores.errors import ImageNameError, NoImageError, StoreError, StoreFullError
from provisioner.stores.names import Reference, Wanted
from tests.lab.command import run

A, B, C = (hashlib.sha256(text).digest() for text in (b"a", b"b", b"c"))


@pytest.fixture
def store(tmp_path: Path) -> DirectoryStore:
    """An empty store that does not exist yet."""
    return DirectoryStore(tmp_path / "store")


def add(store: DirectoryStore, name: str = "sda5_Data", *digests: bytes) -> Reference:
    """An image whose manifest is its generation's number."""
    with store.ingest() as ingest:
        for digest in digests:
            ingest.put(digest, b"object of " + digest)
        return ingest.commit(name, lambda generation: f"{name} {generation}".encode())


def files(store: DirectoryStore) -> list[str]:
    """Everything in the store but its lock."""
    found = (path for path in store.root.rglob("*") if path.is_file() and path.name != "lock")
    return sorted(str(path.relative_to(store.root)) for path in found)


def test_an_empty_store_is_just_empty(store: DirectoryStore) -> None:
    """Also before anything was written: nothing is there, which is no failure."""
    assert store.names() == []
    assert store.generations("sda5_Data") == []
    assert store.find(bytes(32)) is None
    assert list(store.chunks()) == []
    with pytest.raises(Missing):
        store.fetch(A)
    with pytest.raises(NoImageError):
        store.resolve("sda5_Data")


def test_what_was_committed_is_there(store: DirectoryStore) -> None:
    """Under the names of docs/dev/architecture.md."""
    reference = add(store, "sda5_Data", A, B)
    assert store.fetch(A) == b"object of " + A
    assert store.manifest(reference) == b"sda5_Data 1"
    assert reference.digest == hashlib.sha256(b"sda5_Data 1").digest()
    assert store.find(reference.digest) == reference
    assert set(store.chunks()) == {A, B}
    chunks = sorted(f"chunks/{d.hex()[:2]}/{d.hex()}" for d in (A, B))
    assert files(store) == [*chunks, "manifests/sda5_Data/1"]
    assert all((store.root / name).stat().st_mode & 0o777 == 0o640 for name in files(store))


def test_generations_are_counted(store: DirectoryStore) -> None:
    """The latest, or one by its number."""
    made = [add(store), add(store), add(store)]
    assert [r.generation for r in made] == store.generations("sda5_Data") == [1, 2, 3]
    assert store.resolve("sda5_Data") == store.resolve("sda5_Data@latest") == made[2]
    assert store.resolve("sda5_Data@2") == made[1]
    with pytest.raises(NoImageError, match="sda5_Data@4") as caught:
        store.resolve("sda5_Data@4")
    assert "1, 2, 3" in caught.value.hint


def test_a_removed_generation_does_not_come_back_as_another(store: DirectoryStore) -> None:
    """A job's record of sda5_Data@2 must mean one image for ever."""
    add(store)
    store.remove(add(store))
    assert store.generations("sda5_Data") == [1]
    assert add(store).generation == 3
    with pytest.raises(NoImageError):
        store.remove(Reference("sda5_Data", 2, b""))


def test_captures_at_the_same_time_get_different_generations(store: DirectoryStore) -> None:
    """None overwrites another's."""
    found: list[Reference] = []
    barrier = threading.Barrier(8)

    def work() -> None:
        barrier.wait()
        found.extend(add(store) for _ in range(5))

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(r.generation for r in found) == list(range(1, 41))
    assert all(store.manifest(r) == f"sda5_Data {r.generation}".encode() for r in found)


def test_nothing_is_seen_before_the_commit(store: DirectoryStore) -> None:
    """Neither chunks nor the image; the capture itself knows what it has put."""
    with store.ingest() as ingest:
        ingest.put(A, b"x")
        assert ingest.has([A, B]) == {A}
        with pytest.raises(Missing):
            store.fetch(A)
        assert store.names() == []
        ingest.commit("sda5_Data", lambda _generation: b"m")
        assert store.fetch(A) == b"x"


def test_a_failed_capture_leaves_nothing(store: DirectoryStore) -> None:
    """An error, or a signature that cannot be made."""
    before = add(store, "sda1_Boot", A)
    was = files(store)

    def fail() -> None:
        with store.ingest() as ingest:
            ingest.put(B, b"x")
            raise RuntimeError("the disk was pulled")

    with pytest.raises(RuntimeError):
        fail()
    assert files(store) == was
    assert store.resolve("sda1_Boot") == before


def test_known_chunks_are_not_asked_for(store: DirectoryStore) -> None:
    """Over all images."""
    add(store, "sda5_Data", A)
    with store.ingest() as ingest:
        assert ingest.has([A, B]) == {A}


def test_putting_a_chunk_twice_is_harmless(store: DirectoryStore) -> None:
    """Two threads may find the same content."""
    add(store, "sda5_Data", A, A, B, A)
    assert set(store.chunks()) == {A, B}
    assert not list((store.root / "incoming").iterdir())


def test_pruning_deletes_what_nobody_needs(store: DirectoryStore) -> None:
    """And what a crash has left; how much is told."""
    add(store, "sda5_Data", A, B)
    (store.root / "incoming" / "left").write_bytes(b"x")
    assert store.prune(lambda: {A}) == (1, len(b"object of ") + 32)
    assert set(store.chunks()) == {A}
    assert not list((store.root / "incoming").iterdir())


def test_a_sweep_leaves_what_a_capture_relies_on(store: DirectoryStore) -> None:
    """What it has put, and what it was told it need not put, although no manifest names either yet."""
    store.remove(add(store, "sda5_Old", A, B))
    with store.ingest() as ingest:
        assert ingest.has([A]) == {A}
        ingest.put(C, b"c")
        assert store.prune(set)[0] == 1
        ingest.commit("sda5_New", lambda _generation: b"m")
    assert set(store.chunks()) == {A, C}
    assert store.prune(set)[0] == 2


def test_an_image_that_appears_during_a_sweep_is_honoured(store: DirectoryStore) -> None:
    """The sweep asks again before it deletes: here an image comes between mark and sweep."""
    store.remove(add(store, "sda5_Old", A, B))
    needed: set[bytes] = set()

    def keep() -> set[bytes]:
        """The first answer is that nothing is needed; meanwhile somebody needs A."""
        answer = set(needed)
        needed.add(A)
        return answer

    assert store.prune(keep)[0] == 1
    assert set(store.chunks()) == {A}


def test_what_a_killed_capture_leaves_goes_with_the_next_sweep(store: DirectoryStore) -> None:
    """Its lock is free: nobody will come back for it."""
    add(store, "sda5_Data", A)
    left = store.places.incoming / "0123"
    left.mkdir()
    (left / "alive").touch()
    (left / B.hex()).write_bytes(b"x")
    claim = store.places.manifests / "sda5_Data" / "2.new"
    claim.write_bytes(b"half")
    assert store.prune(lambda: {A}) == (0, 0)
    assert not left.exists()
    assert not claim.exists()


def test_a_sweep_meets_captures_that_end(store: DirectoryStore) -> None:
    """Their folders go while it looks: that is no failure, and leaves nothing."""
    store.make()

    def begin_and_end() -> None:
        for _ in range(100):
            with store.ingest() as ingest:
                ingest.put(A, b"x")

    captures = [threading.Thread(target=begin_and_end) for _ in range(4)]
    for capture in captures:
        capture.start()
    while any(capture.is_alive() for capture in captures):
        assert store.prune(set) == (0, 0)
    assert list(store.places.incoming.iterdir()) == []


def test_a_removed_image_stays_for_the_job_that_needs_it(store: DirectoryStore) -> None:
    """By its digest; its name is gone at once."""
    gone = add(store, "sda5_Data", A)
    store.remove(gone)
    assert store.names() == []
    store.forget(lambda: {gone.digest})
    assert store.find(gone.digest) == gone
    assert store.manifest(gone) == b"sda5_Data 1"
    store.forget(set)
    assert store.find(gone.digest) is None
    assert store.removed() == []
    assert add(store).generation == 2


def test_a_corrupt_chunk_can_be_set_aside(store: DirectoryStore) -> None:
    """Then the next capture stores it anew."""
    add(store, "sda5_Data", A)
    place = store.set_aside(A)
    assert place.read_bytes() == b"object of " + A
    with store.ingest() as ingest:
        assert ingest.has([A]) == set()


def test_what_people_leave_in_a_store_is_ignored(store: DirectoryStore) -> None:
    """A note, an editor's backup, a folder with a strange name."""
    add(store, "sda5_Data", A)
    (store.root / "manifests" / "sda5_Data" / "1~").write_text("x")
    (store.root / "manifests" / "read me").mkdir()
    (store.root / "chunks" / "aa").mkdir(exist_ok=True)
    (store.root / "chunks" / "aa" / "note").write_text("x")
    assert store.names() == ["sda5_Data"]
    assert store.generations("sda5_Data") == [1]
    assert list(store.chunks()) == [A]


def test_a_store_that_cannot_be_read_is_unavailable(store: DirectoryStore) -> None:
    """Which is not the same as a missing chunk."""
    add(store, "sda5_Data", A)
    path = store.chunk_path(A)
    path.unlink()
    path.mkdir()
    with pytest.raises(Unavailable):
        store.fetch(A)


def test_a_store_that_cannot_be_made_says_so(tmp_path: Path) -> None:
    """A file where the folder should be."""
    (tmp_path / "file").write_text("x")
    with pytest.raises(StoreError, match="cannot make the store"):
        add(DirectoryStore(tmp_path / "file" / "store"))


@pytest.mark.root
@pytest.mark.skipif(os.geteuid() != 0, reason="mounting needs root")
def test_a_full_disk_leaves_the_old_images_whole(tmp_path: Path) -> None:
    """The error says so, and what was begun is gone."""
    run("mount", "-t", "tmpfs", "-o", "size=300k", "tmpfs", tmp_path)
    try:
        store = DirectoryStore(tmp_path / "store")
        add(store, "sda1_Boot", A)
        was = files(store)

        def fill() -> None:
            with store.ingest() as ingest:
                for number in range(20):
                    ingest.put(bytes([number]) * 32, os.urandom(30_000))

        with pytest.raises(StoreFullError, match="no space left") as caught:
            fill()
        assert "remove old images" in caught.value.hint
        assert files(store) == was
        add(store, "sda1_Boot", B)
    finally:
        run("umount", tmp_path)


@pytest.mark.parametrize(
    "name", ["", "../etc", "a/b", ".hidden", "-x", "a b", "ä", "x" * 101, "a\n", "a@b@c"]
)
def test_names_that_are_no_names(name: str) -> None:
    """They become folders and parts of URLs."""
    with pytest.raises(ImageNameError):
        Wanted.parse(name)


@pytest.mark.parametrize("generation", ["0", "-1", "01", "x", "1e3", "٣"])
def test_generations_that_are_no_generations(generation: str) -> None:
    """Numbers from one, or ``latest``."""
    with pytest.raises(ImageNameError):
        Wanted.parse(f"sda5_Data@{generation}")


@pytest.mark.parametrize(
    ("name", "number"),
    [
        ("sda5_WinNTEdu", 5), ("sda10_WinNTRes", 10), ("hda1_SysCom", 1), ("sda_InitClone", None),
        ("nvme0n1p3_Root", 3), ("nvme0n1_Init", None), ("mmcblk0p1_Boot", 1), ("golden", None), ("vdb2_X", 2),
    ],
)  # fmt: skip
def test_a_clonesys_name_tells_the_partition(name: str, number: int | None) -> None:
    """The device is part of the name, as in 1999."""
    assert partition_of(name) == number

"""What every store promises, tried on the directory store and on everything that wraps it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest

from initramfs.imaging.errors import Corrupt, Missing, Unavailable
from initramfs.imaging.format.chunk import Packer
from provisioner.stores.directory.store import DirectoryStore
from provisioner.stores.errors import NoImageError
from provisioner.stores.names import Reference
from provisioner.stores.protocols import Store
from provisioner.stores.wrappers import Cache, Failover, FailoverCatalogue, ReadOnly, Verifying

CONTENT = [bytes([number]) * 5000 for number in range(3)]
DIGESTS = [hashlib.sha256(content).digest() for content in CONTENT]
OBJECTS = dict(zip(DIGESTS, map(Packer().pack, CONTENT), strict=True))

Wrap = Callable[[DirectoryStore, Path], Store]
WRAPS: dict[str, Wrap] = {
    "directory": lambda store, _folder: store,
    "read-only": lambda store, _folder: ReadOnly(store, store),
    "verifying": lambda store, _folder: ReadOnly(Verifying(store), store),
    "cache": lambda store, folder: ReadOnly(Cache(DirectoryStore(folder / "fast"), store), store),
    "failover": lambda store, folder: failover(DirectoryStore(folder / "empty"), store),
    "all": lambda store, folder: ReadOnly(
        Verifying(
            Cache(
                DirectoryStore(folder / "fast"),
                Failover(DirectoryStore(folder / "empty"), ReadOnly(store, store)),
            )
        ),
        FailoverCatalogue(DirectoryStore(folder / "empty"), ReadOnly(store, store)),
    ),
}


def failover(first: Store, second: Store) -> Store:
    """Both halves of two stores."""
    return ReadOnly(Failover(first, second), FailoverCatalogue(first, second))


@pytest.fixture
def inner(tmp_path: Path) -> DirectoryStore:
    """A directory with three chunks, two images and three generations."""
    store = DirectoryStore(tmp_path / "store")
    for name in ("sda5_Data", "sda5_Data", "sda_Disk"):
        add(store, name)
    return store


@pytest.fixture(params=list(WRAPS.values()), ids=list(WRAPS))
def store(request: pytest.FixtureRequest, inner: DirectoryStore, tmp_path: Path) -> Store:
    """The same, however it is wrapped."""
    wrap: Wrap = request.param
    return wrap(inner, tmp_path)


def add(store: DirectoryStore, name: str) -> Reference:
    """One generation with all chunks."""
    with store.ingest() as ingest:
        for digest, data in OBJECTS.items():
            ingest.put(digest, data)
        return ingest.commit(name, lambda generation: f"{name} {generation}".encode())


def spoil(store: DirectoryStore, digest: bytes) -> None:
    """Another chunk's object under this name."""
    store.chunk_path(digest).write_bytes(OBJECTS[DIGESTS[2]])


def test_it_gives_its_chunks(store: Store) -> None:
    """Again and again the same."""
    for _ in range(2):
        assert [store.fetch(digest) for digest in DIGESTS] == list(OBJECTS.values())


def test_a_missing_chunk_is_an_answer(store: Store) -> None:
    """Of its own class, with the chunk's name."""
    with pytest.raises(Missing) as caught:
        store.fetch(bytes(32))
    assert caught.value.digest == bytes(32)


def test_it_knows_its_images(store: Store) -> None:
    """Names, generations, and what a name means."""
    assert store.names() == ["sda5_Data", "sda_Disk"]
    assert store.generations("sda5_Data") == [1, 2]
    assert store.generations("sda9_None") == []
    latest = store.resolve("sda5_Data")
    assert (latest, latest.generation) == (store.resolve("sda5_Data@2"), 2)
    with pytest.raises(NoImageError):
        store.resolve("sda9_None")


def test_it_gives_its_manifests(store: Store) -> None:
    """By reference, and found by digest."""
    first = store.resolve("sda5_Data@1")
    assert store.manifest(first) == b"sda5_Data 1"
    assert store.find(first.digest) == first
    assert store.find(bytes(32)) is None
    with pytest.raises(NoImageError):
        store.manifest(Reference("sda9_None", 1, bytes(32)))


def test_a_corrupt_chunk_is_an_alarm(inner: DirectoryStore) -> None:
    """It is not given, and nobody looks elsewhere in silence."""
    spoil(inner, DIGESTS[0])
    with pytest.raises(Corrupt):
        Verifying(inner).fetch(DIGESTS[0])


def test_a_cache_is_filled_and_then_asked(inner: DirectoryStore, tmp_path: Path) -> None:
    """The slow store may go away."""
    fast = DirectoryStore(tmp_path / "fast")
    Cache(fast, inner).fetch(DIGESTS[0])
    assert list(fast.chunks()) == [DIGESTS[0]]
    inner.chunk_path(DIGESTS[0]).unlink()
    assert Cache(fast, inner).fetch(DIGESTS[0]) == OBJECTS[DIGESTS[0]]


def test_a_cache_keeps_nothing_corrupt(inner: DirectoryStore, tmp_path: Path) -> None:
    """Or it would be corrupt for ever."""
    fast = DirectoryStore(tmp_path / "fast")
    spoil(inner, DIGESTS[0])
    with pytest.raises(Corrupt):
        Cache(fast, inner).fetch(DIGESTS[0])
    assert list(fast.chunks()) == []


def test_a_cache_that_cannot_be_written_is_done_without(inner: DirectoryStore, tmp_path: Path) -> None:
    """A file where its folder should be."""
    (tmp_path / "file").write_text("x")
    assert Cache(DirectoryStore(tmp_path / "file"), inner).fetch(DIGESTS[0]) == OBJECTS[DIGESTS[0]]


def test_the_second_store_has_what_the_first_has_not(inner: DirectoryStore, tmp_path: Path) -> None:
    """Also if the first cannot answer."""
    first = DirectoryStore(tmp_path / "first")
    first.chunk_path(DIGESTS[0]).mkdir(parents=True)
    with pytest.raises(Unavailable):
        first.fetch(DIGESTS[0])
    assert Failover(first, inner).fetch(DIGESTS[0]) == OBJECTS[DIGESTS[0]]
    inner.chunk_path(DIGESTS[0]).unlink()
    with pytest.raises(Unavailable):
        Failover(first, inner).fetch(DIGESTS[0])


def test_two_stores_with_one_name_do_not_mix(inner: DirectoryStore, tmp_path: Path) -> None:
    """A reference means one image, wherever it is."""
    first = DirectoryStore(tmp_path / "first")
    with first.ingest() as ingest:
        ingest.commit("sda5_Data", lambda _generation: b"another")
    both = FailoverCatalogue(first, inner)
    assert both.generations("sda5_Data") == [1]
    assert both.manifest(inner.resolve("sda5_Data@1")) == b"sda5_Data 1"

"""What agents send: kept across workers, jobs and power cuts, and believed only when it is whole."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from initramfs.imaging.errors import Corrupt
from initramfs.imaging.format.chunk import Packer
from provisioner.stores.directory.store import DirectoryStore
from provisioner.stores.directory.uploads import Uploads
from provisioner.stores.errors import IncompleteError

CONTENT = [bytes([number]) * 5000 for number in range(3)]
A, B, C = DIGESTS = [hashlib.sha256(content).digest() for content in CONTENT]
OBJECTS = dict(zip(DIGESTS, map(Packer().pack, CONTENT), strict=True))
DAY = 24 * 3600.0


@pytest.fixture
def store(tmp_path: Path) -> DirectoryStore:
    """An empty store."""
    return DirectoryStore(tmp_path / "store")


@pytest.fixture
def uploads(store: DirectoryStore) -> Uploads:
    """Its pool, as one worker sees it."""
    return store.uploads


def commit(uploads: Uploads, owner: str, *digests: bytes) -> None:
    """Hand an image over."""
    uploads.commit(owner, "sda5_Data", digests, lambda generation: f"m{generation}".encode())


def age(store: DirectoryStore) -> float:
    """A time at which what was just sent is more than a day old."""
    return max(path.stat().st_mtime for path in store.places.uploads.rglob("*")) + DAY + 1


def test_what_was_sent_is_not_asked_for_again(store: DirectoryStore, uploads: Uploads) -> None:
    """By nobody, in no worker, until it is part of an image; before that, no image sees it."""
    assert uploads.missing("job-1", DIGESTS) == DIGESTS
    uploads.put("job-1", A, OBJECTS[A])
    other = store.uploads
    assert other.missing("job-1", DIGESTS) == other.missing("job-2", DIGESTS) == [B, C]
    assert list(store.chunks()) == []
    uploads.put("job-1", B, OBJECTS[B])
    commit(other, "job-1", A, B)
    assert set(store.chunks()) == {A, B}
    assert store.generations("sda5_Data") == [1]


def test_an_image_without_all_of_its_chunks_does_not_appear(store: DirectoryStore, uploads: Uploads) -> None:
    """What has arrived stays for the next try."""
    uploads.put("job-1", A, OBJECTS[A])
    with pytest.raises(IncompleteError, match="1 chunks"):
        commit(uploads, "job-1", A, B)
    assert store.names() == []
    uploads.put("job-1", B, OBJECTS[B])
    commit(uploads, "job-1", A, B)


@pytest.mark.parametrize("data", [b"", b"garbage", OBJECTS[B], OBJECTS[A][:-1], OBJECTS[A] + b"x" * 10])
def test_only_the_very_chunk_is_kept(store: DirectoryStore, uploads: Uploads, data: bytes) -> None:
    """Whatever else comes under its name is refused."""
    with pytest.raises(Corrupt):
        uploads.put("job-1", A, data)
    assert uploads.missing("job-1", [A]) == [A]
    assert not list(store.places.incoming.rglob(A.hex()))


def test_what_an_earlier_boot_left_is_checked(store: DirectoryStore, uploads: Uploads) -> None:
    """A power cut may have torn it: whole ones count, torn ones are sent again."""
    for digest in DIGESTS:
        uploads.put("job-1", digest, OBJECTS[digest])
    (now,) = store.places.uploads.iterdir()
    before = now.rename(now.with_name("11111111-2222-3333-4444-555555555555"))
    (before / B.hex()).write_bytes(OBJECTS[B][:10])
    (before / C.hex()).write_bytes(b"")
    assert uploads.missing("job-1", DIGESTS) == [B, C]
    with pytest.raises(IncompleteError):
        commit(uploads, "job-1", *DIGESTS)
    for digest in (B, C):
        uploads.put("job-1", digest, OBJECTS[digest])
    commit(uploads, "job-1", *DIGESTS)
    assert [store.fetch(digest) for digest in DIGESTS] == list(OBJECTS.values())


def test_a_sweep_leaves_an_upload_alone(store: DirectoryStore, uploads: Uploads) -> None:
    """What was sent, and what it was told it need not send, as long as a job may come back for it."""
    uploads.put("job-0", A, OBJECTS[A])
    commit(uploads, "job-0", A)
    store.remove(store.resolve("sda5_Data"))
    assert uploads.missing("job-1", [A, B]) == [B]
    uploads.put("job-1", B, OBJECTS[B])
    assert store.prune(set, leased=lambda: True, now=age(store)) == (0, 0)
    commit(uploads, "job-1", A, B)
    assert set(store.chunks()) == {A, B}


def test_a_sweep_takes_what_nobody_comes_back_for(store: DirectoryStore, uploads: Uploads) -> None:
    """A day after the last backup, not before."""
    uploads.put("job-1", A, OBJECTS[A])
    store.prune(set, now=age(store) - DAY)
    assert uploads.missing("job-1", [A]) == []
    store.prune(set, now=age(store))
    assert uploads.missing("job-2", [A]) == [A]

"""Images in a store: captured, audited, exported, imported, pruned."""

from __future__ import annotations

import gzip
import random
import shutil
from pathlib import Path

import pytest

from initramfs.imaging.capture.capture import Facts
from initramfs.imaging.device.device import Device
from initramfs.imaging.errors import Corrupt, LabelError, ManifestError
from initramfs.imaging.format.index import State
from initramfs.imaging.format.manifest import Manifest
from provisioner.base.errors import ProvisionerError
from provisioner.images.formats.exports import export_image
from provisioner.images.formats.imports import Given, Source, raw_file
from provisioner.images.operations import (
    Options,
    add_image,
    everything,
    layout_for,
    load,
    open_target,
    restore_image,
)
from provisioner.images.prune import prune
from provisioner.images.repair import repair
from provisioner.images.verify import verify_chunks
from provisioner.stores.directory.store import DirectoryStore
from provisioner.stores.errors import StoreError
from tests.images.disk import Slot, partition
from tests.images.in_memory import KEY, MIB, PUBLIC
from tests.lab.command import run


@pytest.fixture
def store(tmp_path: Path) -> DirectoryStore:
    """An empty store."""
    return DirectoryStore(tmp_path / "store")


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    """4 MiB that nobody knows: noise, zeros, noise."""
    path = tmp_path / "raw"
    rng = random.Random(1)
    path.write_bytes(rng.randbytes(MIB + 512) + bytes(2 * MIB) + rng.randbytes(MIB - 512))
    return path


def add(
    store: DirectoryStore, path: Path, name: str = "sda5_Data", options: Options | None = None
) -> Manifest:
    """Capture, and read back what was signed."""
    reference, _, _ = add_image(store, KEY, path, Facts(name, user="anna"), options or Options())
    return load(store, reference, PUBLIC)


def spoil(store: DirectoryStore, digest: bytes) -> None:
    """Flip a bit on the server's disk."""
    path = store.chunk_path(digest)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def chunks_of(image: Manifest) -> list[bytes]:
    """The names of its chunks."""
    return [item.digest for item in image.index if item.state is State.DATA]


def test_generations_share_their_chunks(store: DirectoryStore, raw: Path) -> None:
    """A second capture of the same is a manifest and nothing more."""
    first = add(store, raw)
    reference, header, count = add_image(store, KEY, raw, Facts("sda5_Data"), Options())
    assert reference.generation == 2
    assert load(store, reference, PUBLIC).header.generation == 2
    assert (count.chunks_sent, count.bytes_sent) == (0, 0)
    assert count.bytes_skipped == 3 * MIB
    assert header.size == 4 * MIB
    assert len(list(store.chunks())) == len(chunks_of(first)) == 3


def test_all_chunks_are_verified(store: DirectoryStore, raw: Path) -> None:
    """Good ones are counted once, bad ones named with the images that need them."""
    one, two = add(store, raw), add(store, raw, "sda6_Copy")
    good = verify_chunks(store, [one, two])
    assert good.ok
    assert good.chunks == 3
    bad, gone = chunks_of(one)[:2]
    spoil(store, bad)
    store.chunk_path(gone).unlink()
    result = verify_chunks(store, list(everything(store, PUBLIC)))
    assert not result.ok
    assert (result.corrupt, result.missing) == ([bad], [gone])
    assert result.images == {name: ["sda5_Data@1", "sda6_Copy@1"] for name in (bad, gone)}


@pytest.mark.parametrize("options", [Options(raw=True), Options(only_partitions=True)], ids=["raw", "only"])
def test_any_kind_of_capture_is_repaired_from_its_disk(
    store: DirectoryStore, options: Options, tmp_path: Path
) -> None:
    """The same chunks are cut again: of one piece, and of partitions and tables alone."""
    path = tmp_path / "disk"
    path.write_bytes(random.Random(4).randbytes(24 * MIB))
    with path.open("r+b") as file:
        file.write(bytes(MIB))
    run("sfdisk", "-q", "--wipe", "always", path, stdin="label: gpt\nstart=1MiB, size=4MiB\n")
    image = add(store, path, "sda_Golden", options)
    wanted = set(chunks_of(image))
    for digest in wanted:
        store.set_aside(digest)
    assert repair(store, wanted, [image], path) == wanted
    assert verify_chunks(store, [image]).ok


def test_capturing_again_repairs_what_was_set_aside(store: DirectoryStore, raw: Path) -> None:
    """The old generations become whole with it."""
    image = add(store, raw)
    spoil(store, chunks_of(image)[0])
    store.set_aside(chunks_of(image)[0])
    add(store, raw)
    assert verify_chunks(store, [image]).ok


def test_a_corrupt_chunk_stops_a_restore(store: DirectoryStore, raw: Path, tmp_path: Path) -> None:
    """With the chunk's name."""
    image = add(store, raw)
    victim = chunks_of(image)[1]
    spoil(store, victim)
    with open_target(tmp_path / "new", image) as target, pytest.raises(Corrupt, match=victim.hex()):
        restore_image(image, store, target)


def test_an_export_is_the_disk_again(store: DirectoryStore, raw: Path, tmp_path: Path) -> None:
    """Sparse where it was empty; an existing file is not overwritten."""
    image = add(store, raw)
    export_image(image, store, tmp_path / "out")
    assert (tmp_path / "out").read_bytes() == raw.read_bytes()
    assert (tmp_path / "out").stat().st_blocks * 512 < 4 * MIB
    with pytest.raises(StoreError, match="there already"):
        export_image(image, store, tmp_path / "out")


def test_an_export_that_fails_leaves_no_file(store: DirectoryStore, raw: Path, tmp_path: Path) -> None:
    """Half a disk is not mistaken for one."""
    image = add(store, raw)
    spoil(store, chunks_of(image)[0])
    with pytest.raises(Corrupt):
        export_image(image, store, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_gzipped_image_of_1999_is_imported(store: DirectoryStore, raw: Path, tmp_path: Path) -> None:
    """And gives the same chunks as the raw one; nothing unpacked is left."""
    packed = tmp_path / "sda5_Data.gz"
    packed.write_bytes(gzip.compress(raw.read_bytes()))
    with raw_file(Source(packed, Given.RAW), tmp_path / "unpacked") as found:
        image = add(store, found.path)
    assert not list((tmp_path / "unpacked").iterdir())
    with raw_file(Source(raw, Given.RAW), tmp_path / "unpacked") as found:
        assert found.path == raw
        assert list(add(store, found.path).index) == list(image.index)


@pytest.mark.parametrize("damage", ["cut", "flip", "magic"])
def test_a_damaged_gzip_is_refused(raw: Path, tmp_path: Path, damage: str) -> None:
    """Truncated or changed: nothing is imported."""
    data = bytearray(gzip.compress(raw.read_bytes()))
    match damage:
        case "cut":
            del data[-1000:]
        case "flip":
            data[len(data) // 2] ^= 255
        case _:
            data[2:] = bytes(100)
    (tmp_path / "bad.gz").write_bytes(data)
    source = Source(tmp_path / "bad.gz", Given.RAW)
    with pytest.raises(StoreError, match="is damaged"), raw_file(source, tmp_path / "unpacked"):
        pass
    assert not list((tmp_path / "unpacked").iterdir())


def test_trailing_zeros_of_a_gzip_are_kept(tmp_path: Path) -> None:
    """A disk does not shrink by being unpacked sparsely."""
    (tmp_path / "z.gz").write_bytes(gzip.compress(b"x" * 512 + bytes(5 * MIB)))
    with raw_file(Source(tmp_path / "z.gz", Given.RAW), tmp_path) as found:
        assert found.path.stat().st_size == 5 * MIB + 512


def test_pruning_keeps_what_images_need(store: DirectoryStore, raw: Path, tmp_path: Path) -> None:
    """What only a removed image needed is deleted."""
    kept = add(store, raw)
    other = tmp_path / "other"
    other.write_bytes(random.Random(2).randbytes(MIB))
    gone = add(store, other, "sda6_Other")
    store.remove(store.resolve(gone.title))
    count, size = prune(store, PUBLIC)
    assert (count, size > MIB) == (1, True)
    assert verify_chunks(store, [kept]).ok


def test_nothing_is_pruned_while_a_manifest_cannot_be_read(store: DirectoryStore, raw: Path) -> None:
    """Its chunks cannot be known."""
    add(store, raw)
    (store.root / "manifests" / "sda5_Data" / "2").write_bytes(b"damaged")
    with pytest.raises(ManifestError):
        prune(store, PUBLIC)
    assert len(list(store.chunks())) == 3


@pytest.mark.parametrize("place", ["sda5_Other/1", "sda5_Data/2"])
def test_a_manifest_is_believed_only_in_its_place(store: DirectoryStore, raw: Path, place: str) -> None:
    """Whoever can write to the store, but has no key, cannot give an image another's name or number."""
    add(store, raw)
    manifests = store.root / "manifests"
    (manifests / "sda5_Other").mkdir()
    shutil.copy(manifests / "sda5_Data/1", manifests / place)
    name = place.replace("/", "@")
    with pytest.raises(ManifestError, match=rf"^{name}: .* is sda5_Data@1$"):
        load(store, store.resolve(name), PUBLIC)
    with pytest.raises(ManifestError, match=name):
        prune(store, PUBLIC)


def test_a_failed_capture_leaves_the_store_as_it_was(store: DirectoryStore, tmp_path: Path) -> None:
    """Here: a label that makes no sense."""
    path = tmp_path / "disk"
    partition(path, 8, "label: gpt", (Slot(1, 4, "L"),))
    with path.open("r+b") as file:
        file.seek(1024)
        file.write(b"garbage")
    with pytest.raises(LabelError):
        add(store, path, "sda_Disk")
    assert store.names() == []


@pytest.fixture
def disk(tmp_path: Path) -> Path:
    """A labelled disk with two partitions."""
    path = tmp_path / "disk"
    partition(path, 16, "label: dos", (Slot(1, 4, "83"), Slot(2, 8, "5"), Slot(5, 4, "83")))
    return path


def test_the_name_tells_where_a_partition_image_goes(store: DirectoryStore, raw: Path, disk: Path) -> None:
    """sda5_Data goes to partition 5 of a labelled disk, never over its label."""
    image = add(store, raw)
    with Device.open(disk, writable=True) as target:
        layout = layout_for(image, store, target)
        assert layout.label is not None
        area = layout.label.area(5)
        assert area is not None
        assert next(layout.extents()).offset == area.start
        assert next(layout_for(image, store, target, 1).extents()).offset == MIB
        restore_image(image, store, target)
    with disk.open("rb") as file:
        file.seek(area.start)
        assert file.read(4 * MIB) == raw.read_bytes()


def test_a_partition_image_never_overwrites_a_label_unasked(
    store: DirectoryStore, raw: Path, disk: Path
) -> None:
    """A name that tells no partition needs one to be said."""
    image = add(store, raw, "golden")
    with (
        Device.open(disk, writable=True) as target,
        pytest.raises(ProvisionerError, match="is a disk") as caught,
    ):
        layout_for(image, store, target)
    assert "which partition" in caught.value.hint


def test_a_partition_that_is_meant_must_be_there(
    store: DirectoryStore, raw: Path, disk: Path, tmp_path: Path
) -> None:
    """A disk image has no place in a partition, and a blank disk has no partitions."""
    whole, part = add(store, disk, "sda_Disk"), add(store, raw)
    with open_target(tmp_path / "new", part) as target:
        with pytest.raises(ProvisionerError, match="no partition table"):
            layout_for(part, store, target, 5)
        with pytest.raises(ProvisionerError, match="whole disk"):
            layout_for(whole, store, target, 5)


def test_disagreeing_writes_nothing(store: DirectoryStore, raw: Path, tmp_path: Path) -> None:
    """The question comes when all is known and nothing is done."""
    image = add(store, raw)
    target = tmp_path / "old"
    target.write_bytes(b"x" * 4 * MIB)

    def no(_layout: object, _failure: str) -> None:
        raise ProvisionerError("no")

    with open_target(target, image) as device, pytest.raises(ProvisionerError):
        restore_image(image, store, device, agree=no)
    assert target.read_bytes() == b"x" * 4 * MIB

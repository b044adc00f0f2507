"""An image is of a disk or of a partition for good: every way of adding a generation keeps to it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from initramfs.errors import ExplainedError
from initramfs.imaging.errors import CaptureError
from initramfs.imaging.format.header import Header, Kind
from initramfs.imaging.format.signed import encode
from provisioner.base.errors import InvalidError
from provisioner.commands.appliance import Appliance
from provisioner.commands.image.capture import CaptureImage, capture_image
from provisioner.commands.image.import_ import ImportImage, import_image
from provisioner.commands.image.shrink import ShrinkImage, shrink_image
from provisioner.commands.init_appliance import create
from provisioner.commands.profile.add import AddProfile, add_profile
from provisioner.images.operations import Options
from provisioner.profiles.reading import read_profile
from provisioner.stores.directory.store import DirectoryStore
from provisioner.stores.errors import KindError
from provisioner.stores.kinds import kind_of
from tests.clients.people import ADMIN
from tests.images.disk import Slot, insert, partition
from tests.images.in_memory import KEY, MIB
from tests.images.labels import mbr
from tests.lab.command import run

Door = Callable[[Appliance, Path, str], object]
BACKUP = 'action = "backup"\n[images]\n{images}\n'


@pytest.fixture(name="appliance", scope="module")
def appliance_(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Appliance]:
    """With two images whose names tell no kind: of a disk and of a partition, and the files they are of."""
    folder = tmp_path_factory.mktemp("kinds")
    disk, part = folder / "disk", folder / "part"
    create(folder / "home")
    starts = partition(disk, 16, "label: dos", (Slot(1, 8, "83"),))
    part.write_bytes(bytes(8 * MIB))
    run("mke2fs", "-q", "-t", "ext4", part)
    insert(disk, starts[1], part)
    with Appliance(folder / "home") as appliance:
        for source, name in ((disk, "whole"), (part, "part")):
            capture_image(appliance, ADMIN, CaptureImage(source, name))
        yield appliance


def capture(appliance: Appliance, source: Path, name: str) -> object:
    """``image capture``."""
    return capture_image(appliance, ADMIN, CaptureImage(source, name))


def capture_raw(appliance: Appliance, source: Path, name: str) -> object:
    """``image capture --raw``."""
    return capture_image(appliance, ADMIN, CaptureImage(source, name, options=Options(raw=True)))


def import_(appliance: Appliance, source: Path, name: str) -> object:
    """``image import``."""
    return import_image(appliance, ADMIN, ImportImage(source, name))


@pytest.mark.parametrize(
    ("door", "source", "name", "why"),
    [
        (capture, "disk", "part", "part is the image of a partition, and this is a disk"),
        (capture, "part", "whole", "whole is the image of a disk, and this is a partition"),
        (capture, "disk", "sda5_Data", "sda5_Data is a name for partition 5"),
        (capture_raw, "disk", "part", "part is the image of a partition"),
        (import_, "disk", "part", "part is the image of a partition"),
        (import_, "part", "whole", "whole is the image of a disk"),
        (import_, "disk", "sda5_Data", "sda5_Data is a name for partition 5"),
    ],
)
def test_another_kind_is_refused_and_nothing_is_added(
    appliance: Appliance, door: Door, source: str, name: str, why: str
) -> None:
    """By what its first generation is, and by what its name says."""
    before = {name: appliance.store.generations(name) for name in appliance.store.names()}
    with pytest.raises(CaptureError, match=why) as caught:
        door(appliance, appliance.root.with_name(source), name)
    assert "sda5_Debian" in caught.value.hint
    assert {name: appliance.store.generations(name) for name in appliance.store.names()} == before


@pytest.mark.parametrize("image", ["whole", "part"])
def test_a_smaller_image_has_a_name_of_its_kind(appliance: Appliance, image: str) -> None:
    """``image shrink`` adds a generation, too."""
    other = {"whole": "part", "part": "whole"}[image]
    with pytest.raises(ExplainedError, match=f"{other} is the image of a|cannot be made smaller|no smaller"):
        shrink_image(appliance, ADMIN, ShrinkImage(image, other))
    assert kind_of(appliance.store, other) is not kind_of(appliance.store, image)


def header(name: str, kind: Kind) -> Header:
    """Of an empty image."""
    label = mbr() if kind is Kind.DISK else None
    return Header(name, 1, kind, 512, 8 * MIB, MIB, label=label)


def publish(store: DirectoryStore, name: str, kind: Kind) -> None:
    """What every capture and import ends with."""
    with store.ingest() as ingest:
        ingest.commit(name, lambda _generation: encode(header(name, kind), [], KEY))


def upload(store: DirectoryStore, name: str, kind: Kind) -> None:
    """What every backup ends with."""
    store.uploads.commit("job-1", name, [], lambda _generation: encode(header(name, kind), [], KEY))


@pytest.mark.parametrize("door", [publish, upload])
@pytest.mark.parametrize("first", list(Kind))
def test_no_manifest_of_another_kind_appears(
    door: Callable[[DirectoryStore, str, Kind], None], first: Kind, tmp_path: Path
) -> None:
    """The store itself refuses it, whoever asks; a damaged first generation decides nothing."""
    store = DirectoryStore(tmp_path / "store")
    second = next(kind for kind in Kind if kind is not first)
    door(store, "golden", first)
    door(store, "golden", first)
    with pytest.raises(KindError, match="golden is the image of a"):
        door(store, "golden", second)
    (tmp_path / "store" / "manifests" / "golden" / "1").write_bytes(b"torn")
    with pytest.raises(KindError, match="golden is the image of a"):
        door(store, "golden", second)
    assert store.generations("golden") == [1, 2]
    for generation in (1, 2):
        store.remove(store.resolve(f"golden@{generation}"))
    assert kind_of(store, "golden") is None
    door(store, "golden", second)
    with pytest.raises(KindError, match="name for partition 5"):
        door(store, "sda5_Golden", Kind.DISK)


@pytest.mark.parametrize(
    ("images", "where"),
    [
        ('disk = "sda5_Data"', "images.disk"),
        ('partitions = { 5 = "sda_Golden" }', "images.partitions.5"),
    ],
)
def test_a_backup_with_names_of_another_kind_is_no_profile(images: str, where: str) -> None:
    """Told when the file is read, not by a machine."""
    with pytest.raises(InvalidError) as caught:
        read_profile(BACKUP.format(images=images), "keep")
    assert [problem.where for problem in caught.value.problems] == [where]


@pytest.mark.parametrize(
    ("images", "where"),
    [('disk = "part"', "images.disk"), ('partitions = { 1 = "whole" }', "images.partitions.1")],
)
def test_a_backup_onto_images_of_another_kind_is_told_early(
    appliance: Appliance, images: str, where: str
) -> None:
    """At ``profile add``, by what is in the store."""
    with pytest.raises(InvalidError) as caught:
        add_profile(appliance, ADMIN, AddProfile("keep", BACKUP.format(images=images)))
    assert [problem.where for problem in caught.value.problems] == [where]


def test_what_is_of_its_kind_goes_on(appliance: Appliance) -> None:
    """The same disk and the same partition again, and a profile that means it."""
    capture(appliance, appliance.root.with_name("disk"), "whole")
    import_(appliance, appliance.root.with_name("part"), "part")
    text = BACKUP.format(images='disk = "whole"\npartitions = { 1 = "part" }')
    add_profile(appliance, ADMIN, AddProfile("keep", text))
    assert appliance.store.generations("whole")[-1] > 1

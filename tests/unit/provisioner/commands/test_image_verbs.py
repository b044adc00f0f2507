"""Image verbs ask for a right before anything changes, and what they changed is in the audit log."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from initramfs.imaging.errors import ManifestError
from provisioner.base.errors import ForbiddenError, ProvisionerError
from provisioner.base.home import Home
from provisioner.commands.appliance import Appliance
from provisioner.commands.image.capture import CaptureImage, capture_image
from provisioner.commands.image.collect_garbage import collect_garbage
from provisioner.commands.image.export import ExportImage, export_image
from provisioner.commands.image.import_ import ImportImage, import_image
from provisioner.commands.image.remove import RemoveImage, remove_image
from provisioner.commands.image.restore import RestoreImage, restore_image
from provisioner.commands.image.shrink import ShrinkImage, shrink_image
from provisioner.commands.image.verify import VerifyImages, verify_images
from provisioner.commands.record import UnrecordedError
from provisioner.images.formats.imports import Given
from provisioner.security.actors import Actor, Role
from provisioner.stores.names import Reference
from tests.images.image_command import create_home
from tests.images.in_memory import MIB

NOW = 1_700_000_000.0
ANNA = Actor("anna", Role.ADMINISTRATOR)
OTTO = Actor("otto", Role.OBSERVER)
NAME = "sda5_Data"
Verb = Callable[[Appliance, Actor, Path], object]


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    """A file with 2 MiB of noise."""
    path = tmp_path / "raw"
    path.write_bytes(random.Random(1).randbytes(2 * MIB))
    return path


@pytest.fixture
def appliance(tmp_path: Path, raw: Path) -> Iterator[Appliance]:
    """One with an image."""
    create_home(tmp_path / "home")
    with Appliance(tmp_path / "home", lambda: NOW) as opened:
        capture_image(opened, ANNA, CaptureImage(raw, NAME))
        yield opened


def capture(appliance: Appliance, actor: Actor, raw: Path) -> object:
    """A second generation."""
    return capture_image(appliance, actor, CaptureImage(raw, NAME))


def import_(appliance: Appliance, actor: Actor, raw: Path) -> object:
    """Another image."""
    return import_image(appliance, actor, ImportImage(raw, "sda6_Copy", given=Given.RAW))


def remove(appliance: Appliance, actor: Actor, _raw: Path) -> None:
    """The only generation."""
    remove_image(appliance, actor, RemoveImage(NAME), agree=lambda _images: None)


def collect(appliance: Appliance, actor: Actor, _raw: Path) -> object:
    """Nothing is garbage."""
    return collect_garbage(appliance, actor)


def shrink(appliance: Appliance, actor: Actor, _raw: Path) -> object:
    """An observer gets no further than the right."""
    return shrink_image(appliance, actor, ShrinkImage(NAME, "sda5_Small"))


def mend(appliance: Appliance, actor: Actor, raw: Path) -> object:
    """Nothing is corrupt."""
    return verify_images(appliance, actor, VerifyImages(set_aside=True, repair_from=str(raw)))


def restore(appliance: Appliance, actor: Actor, raw: Path) -> object:
    """To a new file."""
    wish = RestoreImage(NAME, raw.with_name("new"))
    return restore_image(appliance, actor, wish, agree=lambda *_: None, tell=lambda _words: None)


def export(appliance: Appliance, actor: Actor, raw: Path) -> object:
    """To a new file."""
    return export_image(appliance, actor, ExportImage(NAME, raw.with_name("new")))


def audited(appliance: Appliance) -> list[tuple[str, str, str]]:
    """Who did what to what, the latest first; the entry of the fixture's capture left out."""
    with closing(sqlite3.connect(appliance.home.database)) as database:
        rows = database.execute("SELECT who, what, detail FROM audit ORDER BY id DESC").fetchall()
    return rows[:-1]


def state(appliance: Appliance) -> dict[Path, bytes]:
    """All files around the appliance, the database's apart."""
    files = (path for path in appliance.root.parent.rglob("*") if path.is_file())
    return {path: path.read_bytes() for path in files if not path.name.startswith("clonesys.db")}


@pytest.mark.parametrize(
    ("verb", "what", "detail"),
    [
        (capture, "image capture", "sda5_Data@2 from {raw}"),
        (import_, "image import", "sda6_Copy@1 from {raw}"),
        (remove, "image rm", "sda5_Data@1"),
        (collect, "image gc", "0 chunks, 0 bytes"),
    ],
)
def test_what_changed_is_in_the_audit_log(
    appliance: Appliance, raw: Path, verb: Verb, what: str, detail: str
) -> None:
    """Who, what, and which image."""
    verb(appliance, ANNA, raw)
    assert audited(appliance) == [("anna", what, detail.format(raw=raw))]


@pytest.mark.parametrize("verb", [capture, import_, remove, collect, shrink, mend, restore, export])
def test_an_observer_changes_nothing(appliance: Appliance, raw: Path, verb: Verb) -> None:
    """The right is asked for first."""
    before = state(appliance)
    with pytest.raises(ForbiddenError, match="otto is observer"):
        verb(appliance, OTTO, raw)
    assert state(appliance) == before
    assert audited(appliance) == []


@pytest.mark.parametrize("verb", [restore, export, mend])
def test_what_changes_nothing_of_the_appliance_is_not_audited(
    appliance: Appliance, raw: Path, verb: Verb
) -> None:
    """Reading images, and a repair that had nothing to repair."""
    verb(appliance, ANNA, raw)
    assert audited(appliance) == []


def test_an_observer_may_verify(appliance: Appliance) -> None:
    """As long as nothing is to be repaired."""
    assert verify_images(appliance, OTTO, VerifyImages()).ok


def test_a_repair_is_audited(appliance: Appliance, raw: Path) -> None:
    """And so is what was set aside because nothing had it."""
    first, second = (path for path in (appliance.home.store / "chunks").rglob("*") if path.is_file())
    first.write_bytes(b"garbage")
    assert verify_images(appliance, ANNA, VerifyImages(repair_from=str(raw))).ok
    second.write_bytes(b"garbage")
    assert not verify_images(appliance, ANNA, VerifyImages(set_aside=True)).ok
    assert audited(appliance) == [
        ("anna", "image verify", "1 chunks set aside"),
        ("anna", "image verify", f"1 chunks repaired from {raw}"),
    ]


def test_nothing_is_removed_without_consent(appliance: Appliance, raw: Path) -> None:
    """Which generations go is told before the first goes; who may not remove is not asked."""
    capture(appliance, ANNA, raw)
    before = audited(appliance)
    asked: list[str] = []

    def no(images: tuple[Reference, ...]) -> None:
        asked.extend(map(str, images))
        raise InterruptedError

    for actor, error in ((ANNA, InterruptedError), (OTTO, ForbiddenError)):
        with pytest.raises(error):
            remove_image(appliance, actor, RemoveImage(NAME, all_generations=True), agree=no)
    assert asked == [f"{NAME}@1", f"{NAME}@2"]
    assert appliance.store.generations(NAME) == [1, 2]
    assert audited(appliance) == before


def test_all_generations_are_removed_and_audited_one_by_one(appliance: Appliance, raw: Path) -> None:
    """Newest last, as they were made."""
    capture(appliance, ANNA, raw)
    gone = remove_image(appliance, ANNA, RemoveImage(NAME, all_generations=True), agree=lambda _images: None)
    assert list(map(str, gone)) == [f"{NAME}@1", f"{NAME}@2"]
    assert audited(appliance)[:2] == [("anna", "image rm", f"{NAME}@2"), ("anna", "image rm", f"{NAME}@1")]
    assert appliance.store.names() == []


def test_what_could_not_be_audited_is_not_begun(tmp_path: Path, raw: Path) -> None:
    """A capture of hours is not to end in an error that could be known before."""
    create_home(tmp_path / "home")
    (tmp_path / "home" / "clonesys.db").mkdir()
    with Appliance(tmp_path / "home", lambda: NOW) as appliance:
        with pytest.raises(ProvisionerError, match="cannot be opened"):
            capture_image(appliance, ANNA, CaptureImage(raw, NAME))
        assert appliance.store.names() == []


def test_a_change_that_cannot_be_audited_is_told(appliance: Appliance, raw: Path) -> None:
    """The image is there, and the error says so."""
    with appliance.database._engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE audit RENAME TO lost")
    with pytest.raises(UnrecordedError, match=rf"image capture {NAME}@2 .*this was done"):
        capture_image(appliance, ANNA, CaptureImage(raw, NAME))
    assert appliance.store.generations(NAME) == [1, 2]


def test_nothing_is_forgotten_while_a_manifest_cannot_be_read(appliance: Appliance, raw: Path) -> None:
    """Also not the manifests of removed images."""
    capture(appliance, ANNA, raw)
    remove(appliance, ANNA, raw)
    (gone,) = appliance.store.removed()
    (appliance.home.store / "manifests" / NAME / "1").write_bytes(b"garbage")
    with pytest.raises(ManifestError):
        collect_garbage(appliance, ANNA)
    assert list(appliance.store.removed()) == [gone]


def test_the_configured_store_is_used(tmp_path: Path, raw: Path) -> None:
    """By every verb; nothing is written to the one in the home directory."""
    create_home(tmp_path / "home")
    Home(tmp_path / "home").config.write_text(f'store = "{tmp_path}/images"\n')
    with Appliance(tmp_path / "home", lambda: NOW) as appliance:
        capture_image(appliance, ANNA, CaptureImage(raw, NAME))
        assert verify_images(appliance, ANNA, VerifyImages()).images == 1
    assert (tmp_path / "images" / "manifests" / NAME / "1").is_file()
    assert not appliance.home.store.exists()

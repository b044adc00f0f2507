"""Which generation of an image hosts get, and that none goes that something still needs."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from initramfs import messages
from provisioner.base.errors import ConflictError, ForbiddenError, InvalidError
from provisioner.commands.appliance import Appliance
from provisioner.commands.host.add import AddHost, add_host
from provisioner.commands.host.assign_profile import AssignProfile, assign_profile
from provisioner.commands.image.capture import CaptureImage, capture_image
from provisioner.commands.image.promote import PromoteImage, promote_image
from provisioner.commands.image.remove import RemoveImage, remove_image
from provisioner.commands.init_appliance import create
from provisioner.commands.job.cancel import CancelJobs, cancel_jobs
from provisioner.commands.profile.add import AddProfile, add_profile
from provisioner.jobs import queue
from provisioner.timeline.audit import list_audit
from tests.clients.people import ADMIN, OBSERVER
from tests.images.in_memory import MIB

NAME = "sda5_Data"
PROFILE = 'action = "restore"\n[images]\n{track}\n[images.partitions]\n5 = "{image}"\n'


@pytest.fixture(name="appliance")
def appliance_(tmp_path: Path) -> Iterator[Appliance]:
    """An appliance with a host, boot files, and two generations of an image."""
    home = tmp_path / "home"
    create(home)
    for name in ("vmlinuz", "initramfs.img"):
        (home / "boot" / name).write_bytes(b"x")
    raw = tmp_path / "raw"
    with Appliance(home) as appliance:
        add_host(appliance, ADMIN, AddHost("pc1", ("52:54:00:00:00:01",)))
        for seed in (1, 2):
            raw.write_bytes(random.Random(seed).randbytes(MIB))
            capture_image(appliance, ADMIN, CaptureImage(raw, NAME))
        yield appliance


def given(appliance: Appliance, image: str = NAME, track: str = "") -> int:
    """The generation that a host gets by a profile."""
    text = PROFILE.format(image=image, track=f'track = "{track}"' if track else "")
    add_profile(appliance, ADMIN, AddProfile("data", text, replace=True))
    (done,) = assign_profile(appliance, ADMIN, AssignProfile(("pc1",), "data")).hosts
    assert done.job is not None
    work = queue.from_document(queue.get_job(appliance.database, done.job).document).work
    ((_, found),) = messages.images_by_place(work)
    return found.generation


def agreed(_images: object) -> None:
    """Whatever it is."""


def remove(appliance: Appliance, name: str, *, all_generations: bool = False) -> None:
    """``image rm --yes``."""
    remove_image(appliance, ADMIN, RemoveImage(name, all_generations), agree=agreed)


def test_hosts_get_the_latest_unless_told_otherwise(appliance: Appliance) -> None:
    """What is promoted is of no interest then, unless it is named."""
    promote_image(appliance, ADMIN, PromoteImage(f"{NAME}@1"))
    assert given(appliance) == 2
    assert given(appliance, f"{NAME}@promoted") == 1


def test_a_new_generation_is_given_to_nobody_until_it_is_promoted(appliance: Appliance) -> None:
    """A profile tracks what is promoted; a generation that it names is that generation."""
    promote_image(appliance, ADMIN, PromoteImage(f"{NAME}@1"))
    assert given(appliance, track="promoted") == 1
    assert given(appliance, f"{NAME}@2", track="promoted") == 2
    assert given(appliance, f"{NAME}@latest", track="promoted") == 2
    promote_image(appliance, ADMIN, PromoteImage(f"{NAME}@latest"))
    assert given(appliance, track="promoted") == 2
    assert list_audit(appliance.database, 2)[1].detail.startswith("data ")
    said = [entry.detail for entry in list_audit(appliance.database) if entry.what == "image promote"]
    assert said == [f"{NAME}@2, before {NAME}@1", f"{NAME}@1"]


def test_the_configuration_says_so_for_all_profiles(appliance: Appliance) -> None:
    """And a profile may say otherwise for itself."""
    appliance.home.config.write_text('[images]\ntrack = "promoted"\n')
    with pytest.raises(InvalidError) as caught:
        given(appliance)
    (problem,) = caught.value.problems
    assert problem.what == f"no generation of {NAME} is promoted"
    assert "clonesys image promote" in problem.hint
    assert given(appliance, track="latest") == 2
    promote_image(appliance, ADMIN, PromoteImage(f"{NAME}@1"))
    assert given(appliance) == 1


@pytest.mark.parametrize("name", [NAME, f"{NAME}@promoted"])
def test_what_is_promoted_is_said_by_its_number(appliance: Appliance, name: str) -> None:
    """Or as the latest; a slip of the hand changes nothing."""
    with pytest.raises(InvalidError):
        promote_image(appliance, ADMIN, PromoteImage(name))
    with pytest.raises(ForbiddenError):
        promote_image(appliance, OBSERVER, PromoteImage(f"{NAME}@1"))
    assert appliance.store.promoted(NAME) is None


def test_the_promoted_generation_is_not_removed(appliance: Appliance) -> None:
    """With all others it is, and is promoted no more."""
    promote_image(appliance, ADMIN, PromoteImage(f"{NAME}@1"))
    with pytest.raises(ConflictError, match=f"{NAME}@1 is the promoted generation"):
        remove(appliance, f"{NAME}@1")
    remove(appliance, f"{NAME}@2")
    remove(appliance, NAME, all_generations=True)
    assert appliance.store.promoted(NAME) is None


def test_a_generation_that_a_job_needs_is_not_removed(appliance: Appliance) -> None:
    """The refusal names image, job and host; the question is not even asked, and nothing is removed."""
    assert given(appliance, f"{NAME}@1") == 1
    for words, everything in ((f"{NAME}@1", False), (NAME, True)):
        with pytest.raises(ConflictError, match=f"{NAME}@1 is needed by job 1 on pc1, which is queued"):
            remove(appliance, words, all_generations=everything)
    assert appliance.store.generations(NAME) == [1, 2]
    remove(appliance, f"{NAME}@2")
    cancel_jobs(appliance, ADMIN, CancelJobs((1,)))
    remove(appliance, f"{NAME}@1")
    assert appliance.store.generations(NAME) == []


def test_a_job_that_comes_while_the_question_is_asked_counts(appliance: Appliance) -> None:
    """A person takes minutes to answer."""

    def agree(_images: object) -> None:
        given(appliance, f"{NAME}@1")

    with pytest.raises(ConflictError, match="is needed by job"):
        remove_image(appliance, ADMIN, RemoveImage(f"{NAME}@1"), agree=agree)
    assert appliance.store.generations(NAME) == [1, 2]

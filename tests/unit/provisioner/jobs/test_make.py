"""From profile and host to the agent's job."""

from __future__ import annotations

import pytest

from initramfs.messages import Backup, Firmware, ImageRef
from provisioner.base.errors import InvalidError, NotFoundError
from provisioner.jobs.make import PHONE_HOME_WANTED, Target, make_job, with_phone_home
from provisioner.profiles.model import read_profile

PROFILE = read_profile(
    'action = "initinstall"\nfirmware = "bios"\n[images]\ndisk = "sda_Init"\n[images.partitions]\n'
    '6 = "sda6_B"\n5 = "sda5_A@2"\n[personalise]\nroot = 5\n',
    "class",
)
TARGET = Target("pc1", "example.org")


def resolve(name: str) -> ImageRef:
    """A store that has everything."""
    bare, _, generation = name.partition("@")
    return ImageRef(bare, int(generation or 7), b"\xdd" * 32)


def missing(name: str) -> ImageRef:
    """A store that has nothing."""
    raise NotFoundError(f"there is no image {name}", "capture it")


def test_job_pins_what_the_profile_names() -> None:
    """Images are pinned by generation and digest, partitions are in order, names come from the host."""
    job = make_job("class", PROFILE, TARGET, resolve)
    assert job.disk_image == ImageRef("sda_Init", 7, b"\xdd" * 32)
    assert [(p.number, p.image.name, p.image.generation) for p in job.partition_images] == [
        (5, "sda5_A", 2),
        (6, "sda6_B", 7),
    ]
    assert job.personalisation is not None
    assert (job.personalisation.hostname, job.personalisation.domain) == ("pc1", "example.org")


def test_every_missing_image_is_named_at_once() -> None:
    """Also together with firmware that does not fit."""
    target = Target("pc1", "", Firmware.UEFI)
    with pytest.raises(InvalidError) as error:
        make_job("class", PROFILE, target, missing)
    assert [problem.where for problem in error.value.problems] == [
        "images.disk",
        "images.partitions.5",
        "images.partitions.6",
        "firmware",
    ]


def test_a_backup_names_images_that_are_not_there_yet() -> None:
    """Neither a generation nor a digest; what the profile says about itself goes into the images."""
    text = (
        'action = "backup"\ndescription = "golden"\n[images]\ndisk = "sda_Init"\n[images.partitions]\n'
        '5 = "sda5_New"\n[backup]\nempty = ["sda5"]\n'
    )
    job = make_job("keep", read_profile(text, "keep"), TARGET, missing)
    assert job.disk_image == ImageRef("sda_Init", 0, b"")
    assert [(p.number, p.image) for p in job.partition_images] == [(5, ImageRef("sda5_New", 0, b""))]
    assert job.backup == Backup("golden", (5,))
    lean = make_job("keep", read_profile(f"{text}without_swap = true\n", "keep"), TARGET, missing)
    assert lean.backup == Backup("golden", (5,), without_swap=True)


def test_phone_home_is_filled_in_where_wanted() -> None:
    """At the contact the job learns the address and the token, unless its profile does not want that."""
    job = make_job("class", PROFILE, TARGET, resolve)
    assert job.personalisation is not None
    assert job.personalisation.phone_home_url == PHONE_HOME_WANTED
    told = with_phone_home(job, "http://192.0.2.1/x", "token").personalisation
    assert told is not None
    assert (told.phone_home_url, told.phone_home_token) == ("http://192.0.2.1/x", "token")
    quiet = read_profile(
        'action="restore"\n[images.partitions]\n5="a"\n[personalise]\nroot=5\nphone_home=false', "q"
    )
    silent = with_phone_home(make_job("q", quiet, TARGET, resolve), "http://x", "token").personalisation
    assert silent is not None
    assert not silent.phone_home_token

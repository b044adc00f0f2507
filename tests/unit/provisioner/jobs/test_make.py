"""From profile and host to the agent's job."""

from __future__ import annotations

from dataclasses import replace

import pytest

from initramfs.messages import (
    PHONE_HOME_WANTED,
    After,
    Backup,
    Firmware,
    ImageRef,
    Install,
    Job,
    PartitionName,
    Personalisation,
    Rescue,
    RestorePartitions,
    TakeInventory,
)
from provisioner.base.errors import InvalidError, NotFoundError
from provisioner.jobs.contact import with_phone_home
from provisioner.jobs.make import make_job
from provisioner.profiles.actions.action import HostFacts
from provisioner.profiles.reading import read_profile

PROFILE = read_profile(
    'action = "initinstall"\nfirmware = "bios"\n[images]\ndisk = "sda_Init"\n[images.partitions]\n'
    '6 = "sda6_B"\n5 = "sda5_A@2"\n[personalise]\nroot = 5\n',
    "class",
)
HOST = HostFacts("pc1", "example.org")


def resolve(name: str) -> ImageRef:
    """A store that has everything."""
    bare, _, generation = name.partition("@")
    return ImageRef(bare, int(generation or 7), b"\xdd" * 32)


def missing(name: str) -> ImageRef:
    """A store that has nothing."""
    raise NotFoundError(f"there is no image {name}", "capture it")


def personalised(job: Job) -> Personalisation:
    """What a job that writes makes of its host."""
    assert isinstance(job.work, Install | RestorePartitions)
    assert job.work.personalisation is not None
    return job.work.personalisation


def test_job_pins_what_the_profile_names() -> None:
    """Images are pinned by generation and digest, partitions are in order, names come from the host."""
    job = make_job("class", PROFILE, HOST, resolve)
    assert isinstance(job.work, Install)
    assert job.work.disk_image == ImageRef("sda_Init", 7, b"\xdd" * 32)
    assert [(p.number, p.image.name, p.image.generation) for p in job.work.partition_images] == [
        (5, "sda5_A", 2),
        (6, "sda6_B", 7),
    ]
    assert (personalised(job).hostname, personalised(job).domain) == ("pc1", "example.org")


def test_every_missing_image_is_named_at_once() -> None:
    """Also together with firmware that does not fit."""
    host = HostFacts("pc1", "", Firmware.UEFI)
    with pytest.raises(InvalidError) as error:
        make_job("class", PROFILE, host, missing)
    assert [problem.where for problem in error.value.problems] == [
        "images.disk",
        "images.partitions.5",
        "images.partitions.6",
        "firmware",
    ]


def test_a_backup_names_images_that_are_not_there_yet() -> None:
    """Only names; what the profile says about itself goes into the images."""
    text = (
        'action = "backup"\ndescription = "golden"\n[images]\ndisk = "sda_Init"\n[images.partitions]\n'
        '5 = "sda5_New"\n[backup]\nempty = ["sda5"]\n'
    )
    job = make_job("keep", read_profile(text, "keep"), HOST, missing)
    wanted = Backup(
        disk_image="sda_Init",
        partitions=(PartitionName(5, "sda5_New"),),
        description="golden",
        empty=(5,),
    )
    assert job.work == wanted
    lean = make_job("keep", read_profile(f"{text}without_swap = true\n", "keep"), HOST, missing)
    assert lean.work == replace(wanted, without_swap=True)


def test_what_follows_is_the_profiles_or_the_actions() -> None:
    """A rescue ends in a shell, all others in a reboot, unless the profile says otherwise."""
    wanted = {
        'action = "rescue"': (Rescue(), After.SHELL),
        'action = "rescue"\nthen = "shell"': (Rescue(), After.SHELL),
        'action = "inventory"': (TakeInventory(), After.REBOOT),
        'action = "inventory"\nthen = "poweroff"': (TakeInventory(), After.POWEROFF),
    }
    for text, (work, after) in wanted.items():
        job = make_job("p", read_profile(text, "p"), HOST, missing)
        assert (job.work, job.after) == (work, after)


def test_phone_home_is_filled_in_where_wanted() -> None:
    """At the contact the job learns the address and the token, unless its profile does not want that."""
    job = make_job("class", PROFILE, HOST, resolve)
    assert personalised(job).phone_home_url == PHONE_HOME_WANTED
    told = personalised(with_phone_home(job, "http://192.0.2.1/x", "token"))
    assert (told.phone_home_url, told.phone_home_token) == ("http://192.0.2.1/x", "token")
    quiet = read_profile(
        'action="restore"\n[images.partitions]\n5="a"\n[personalise]\nroot=5\nphone_home=false', "q"
    )
    silent = personalised(with_phone_home(make_job("q", quiet, HOST, resolve), "http://x", "token"))
    assert not silent.phone_home_token

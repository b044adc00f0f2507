"""Boot profiles: what is read, and everything that is refused, at once and in words."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from initramfs.messages import (
    Action,
    After,
    DiskIdentity,
    Duplicates,
    Firmware,
    Fit,
    GrowFailure,
    Last,
    Uuids,
)
from provisioner.base.errors import InvalidError, Problem
from provisioner.base.units import parse_partition, parse_size
from provisioner.commands.init_appliance import EXAMPLE_PROFILE
from provisioner.profiles.actions import ACTIONS
from provisioner.profiles.reading import BUILT_IN, read_profile

GOOD = """
action = "initinstall"
firmware = "uefi"
then = "poweroff"
[disk]
transport = "nvme"
min_size = "16 GiB"
[images]
disk = "sda_InitClone"
[images.partitions]
sda5 = "sda5_Debian@3"
6 = "sda6_Data"
[personalise]
root = 5
"""


def problems(text: str) -> dict[str, Problem]:
    """What is wrong with a profile, by place."""
    with pytest.raises(InvalidError) as error:
        read_profile(text, "test")
    return {problem.where: problem for problem in error.value.problems}


def test_reads_everything() -> None:
    """Devices and numbers name partitions, sizes have units, closed choices are enums."""
    profile = read_profile(GOOD, "test")
    assert (profile.action, profile.firmware, profile.then) == (
        Action.INITINSTALL,
        Firmware.UEFI,
        After.POWEROFF,
    )
    assert profile.images.partitions == {5: "sda5_Debian@3", 6: "sda6_Data"}
    assert profile.disk.rule().min_size == 16 * 2**30
    assert profile.disk.rule().transport == "nvme"
    assert ACTIONS[profile.action].writes


def test_five_mistakes_are_five_problems() -> None:
    """Nothing has to be mended to see the next mistake; each has its path and, where there is one, a hint."""
    found = problems(
        'action = "restore"\ntehn = "reboot"\n[disk]\nmin_size = "huge"\n[images]\ndisk = "sda_Init"\n'
        "[personalise]\nroot = 0\n"
    )
    assert set(found) == {"tehn", "disk.min_size", "images.disk", "images.partitions", "personalise.root"}
    assert "'then'" in found["tehn"].hint


def test_unknown_action_lists_the_known_ones() -> None:
    """A wrong choice is answered with the right ones."""
    assert "'initinstall'" in problems('action = "instal"')["action"].hint


@pytest.mark.parametrize("action", ["wipe", "hold", "memtest", "", "Local"])
def test_what_no_agent_can_do_is_refused(action: str) -> None:
    """By name, with the actions that there are, and together with every other mistake."""
    found = problems(f'action = "{action}"\ntehn = "reboot"')
    assert set(found) == {"action", "tehn"}
    assert repr(action) in found["action"].what
    assert all(repr(known) in found["action"].hint for known in ACTIONS)
    assert set(ACTIONS) == {"local", *(known.value for known in Action)}


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("", "action"),
        ('action = "initinstall"', "images.disk"),
        ('action = "restore"', "images.partitions"),
        ('action = "inventory"\n[images]\ndisk = "sda_X"', "images"),
        ('action = "inventory"\n[personalise]\nroot = 1', "personalise"),
        ('action = "rescue"\nthen = "reboot"', "then"),
        ('action = "rescue"\nthen = "poweroff"', "then"),
        ('action = "rescue"\nthen = "sleep"', "then"),
        ('action = "backup"', "images"),
        ('action = "backup"\n[images]\ndisk = "sda_X@2"', "images.disk"),
        ('action = "backup"\n[images.partitions]\n5 = "a"\n6 = "a"', "images"),
        ('action = "backup"\n[images.partitions]\n5 = "a"\n[backup]\nempty = [5]', "backup.empty"),
        ('action = "backup"\n[images]\ndisk = "sda_X"\n[backup]\nempty = ["sda"]', "backup.empty.0"),
        ('action = "restore"\n[images.partitions]\n5 = "a"\n[backup]\nempty = [5]', "backup"),
        ('action = "backup"\n[images]\ndisk = "a"\n[backup]\nwithout_swap = 1', "backup.without_swap"),
        ('action = "rescue"\n[disk]\nmin_size = 2\nmax_size = 1', "disk"),
        ('action = "restore"\n[images.partitions]\n5 = "a"\nsda5 = "b"', "images.partitions.sda5"),
        ('action = "restore"\n[images.partitions]\nsda = "a"', "images.partitions.sda"),
        ('action = "restore"\n[images.partitions]\n5 = "../etc"', "images.partitions.5"),
        ('action = "restore"\nimages = 3', "images"),
        ('action = "rescue"\n[fit]\ngrow = "last"', "fit"),
        ('action = "local"\n[identity]\nuuids = "new"', "identity"),
        ('action = "initinstall"\n[fit]\ngrow = "first"', "fit.grow"),
        ('action = "initinstall"\n[personalise]\nroot = 1\nhostname = "localhost"', "personalise.hostname"),
        ('action = "initinstall"\n[personalise]\nroot = 1\ndomain = "a b"', "personalise.domain"),
        ('action = "initinstall"\n[personalise]\nroot = 1\nssh_host_keys = 1', "personalise.ssh_host_keys"),
        ('action = "initinstall"\n[identity]\nduplicates = "maybe"', "identity.duplicates"),
    ],
)
def test_contradictions(text: str, where: str) -> None:
    """What does not fit together is a problem at its place."""
    assert where in problems(text)


def test_fitting_and_identity() -> None:
    """What is done after writing; nothing of it unless it is asked for."""
    text = GOOD + '[fit]\ngrow = {}\n[identity]\nuuids = "new"\nduplicates = "randomise"\n'
    for grow, meant in (('"last"', Last.LAST), ("5", 5), ('"sda5"', 5), ('"none"', None)):
        profile = read_profile(text.format(grow), "test")
        assert profile.fit.order() == Fit(meant)
        assert profile.identity.order() == DiskIdentity(Uuids.NEW, Duplicates.RANDOMISE)
    failing = read_profile(GOOD + '[fit]\ngrow = "last"\ngrow_failure = "fail"\n', "test")
    assert failing.fit.order() == Fit(Last.LAST, GrowFailure.FAIL)
    plain = read_profile(GOOD, "test")
    assert (plain.fit.order(), plain.identity.order()) == (Fit(), DiskIdentity())


def test_broken_toml() -> None:
    """A file that is no TOML is one problem with its line."""
    assert "line 1" in str(problems("action\n")[""])


def test_built_in_and_example_profiles() -> None:
    """The profiles that need no file write nothing, and the example of init is a good one."""
    assert set(BUILT_IN) == {"local", "inventory"}
    assert not any(ACTIONS[profile.action].writes for profile in BUILT_IN.values())
    assert ACTIONS[BUILT_IN["local"].action].work is None
    assert read_profile(EXAMPLE_PROFILE, "example").images.disk == "sda_InitClone"


@pytest.mark.parametrize(
    ("text", "size"),
    [(5, 5), ("5", 5), ("20 GB", 2 * 10**10), ("16GiB", 2**34), ("1k", 1000), ("2 tib", 2**41)],
)
def test_sizes(text: int | str, size: int) -> None:
    """Decimal and binary units, with and without a blank or a B."""
    assert parse_size(text) == size


@pytest.mark.parametrize(
    ("text", "number"),
    [("5", 5), ("sda5", 5), ("hda12", 12), ("nvme0n1p3", 3), ("mmcblk0p2", 2), ("vdb1", 1)],
)
def test_partitions(text: str, number: int) -> None:
    """A partition by its number or by its device."""
    assert parse_partition(text) == number


@given(st.text(max_size=300))
def test_any_text_is_a_profile_or_invalid(text: str) -> None:
    """No text makes the reader fail otherwise."""
    with suppress(InvalidError):
        read_profile(text, "test")

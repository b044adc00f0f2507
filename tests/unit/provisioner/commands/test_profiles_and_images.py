"""What a profile and its images contradict each other in is said when it is kept and when it is given."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from initramfs.agent.inventory import TRANSPORTS as FOUND_BY_THE_AGENT
from initramfs.messages import TRANSPORTS
from provisioner.base.errors import ExitStatus, InvalidError
from provisioner.cli import run
from provisioner.commands.appliance import Appliance
from provisioner.commands.host.add import AddHost, add_host
from provisioner.commands.host.assign_profile import AssignProfile, assign_profile
from provisioner.commands.image.capture import CaptureImage, capture_image
from provisioner.commands.init_appliance import create
from provisioner.commands.profile.add import AddProfile, add_profile
from provisioner.hosts.registry import find_host
from provisioner.images.operations import Options
from provisioner.profiles.reading import read_profile
from tests.clients.people import ADMIN
from tests.images.disk import Slot, insert, partition
from tests.images.in_memory import MIB
from tests.lab.command import run as tool

INSTALL = 'action = "initinstall"\n{more}\n[images]\ndisk = "{disk}"\n[images.partitions]\n{parts}\n'


@pytest.fixture(name="home", scope="module")
def home_(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An appliance with images: a disk for BIOS (1 noise, 5 empty, 6 swap), one for UEFI, partitions."""
    folder = tmp_path_factory.mktemp("judging")
    home, disk, uefi, root = folder / "home", folder / "disk", folder / "uefi", folder / "root"
    create(home)
    for name in ("vmlinuz", "initramfs.img"):
        (home / "boot" / name).write_bytes(b"x")
    table = (Slot(1, 4, "83", "bootable"), Slot(2, 0, "5"), Slot(5, 8, "83"), Slot(6, 2, "82"))
    starts = partition(disk, 32, "label: dos", table)
    for name, size in (("noise", 4), ("large", 9)):
        (folder / name).write_bytes(random.Random(size).randbytes(size * MIB))
    insert(disk, starts[1], folder / "noise")
    (folder / "swap").write_bytes(bytes(2 * MIB))
    tool("mkswap", folder / "swap")
    insert(disk, starts[6], folder / "swap")
    partition(uefi, 16, "label: gpt", (Slot(1, 4, "U"), Slot(2, 4, "E3C9E316-0B5C-4DB8-817D-F92DF00215AE")))
    root.write_bytes(bytes(8 * MIB))
    tool("mke2fs", "-q", "-t", "ext4", root)
    with Appliance(home) as appliance:
        for host in ("pc1", "pc2"):
            add_host(appliance, ADMIN, AddHost(host, (f"52:54:00:00:00:0{host[-1]}",)))
        with appliance.database.write() as session:
            find_host(session, "pc2").firmware = "uefi"
        for path, name in ((disk, "sda_Disk"), (uefi, "sda_Uefi"), (root, "sda5_Root")):
            capture_image(appliance, ADMIN, CaptureImage(path, name))
        for source in ("noise", "large"):
            options = Options(chunk_size=64 << 10)
            capture_image(appliance, ADMIN, CaptureImage(folder / source, f"sda1_{source}", options=options))
    return home


@pytest.fixture(name="appliance")
def appliance_(home: Path) -> Iterator[Appliance]:
    """The same, opened."""
    with Appliance(home) as appliance:
        yield appliance


def install(disk: str = "sda_Disk", parts: str = '5 = "sda5_Root"', more: str = "", tables: str = "") -> str:
    """A profile that installs."""
    return INSTALL.format(disk=disk, parts=parts, more=more) + tables


WRONG = [
    (install(parts='7 = "sda5_Root"'), "images.partitions.7", "sda_Disk@1 has no partition 7"),
    (install(parts='2 = "sda5_Root"'), "images.partitions.2", "sda_Disk@1 has no partition 2"),
    (install(parts='5 = "sda_Uefi"'), "images.partitions.5", "sda_Uefi@1 is the image of a disk"),
    (install(disk="sda5_Root"), "images.disk", "sda5_Root@1 is the image of a partition"),
    (install(more='firmware = "uefi"'), "firmware", "sda_Disk@1 starts with bios only"),
    (install(tables="[personalise]\nroot = 9\n"), "personalise.root", "sda_Disk@1 has no partition 9"),
    (install(tables="[personalise]\nroot = 6\n"), "personalise.root", "by sda_Disk@1 it holds swap space"),
    (
        install(parts="", tables="[personalise]\nroot = 5\n"),
        "personalise.root",
        "by sda_Disk@1 it holds no file system",
    ),
    (
        install(parts='1 = "sda1_noise"', tables="[personalise]\nroot = 1\n"),
        "personalise.root",
        "by sda1_noise@1 it holds no file system",
    ),
    (install(tables="[fit]\ngrow = 7\n"), "fit.grow", "sda_Disk@1 has no partition 7"),
    (
        install(tables='[fit]\ngrow = "last"\ngrow_failure = "fail"\n'),
        "fit.grow",
        "partition 6 holds swap, which cannot grow",
    ),
    (
        'action = "restore"\n[images.partitions]\n1 = "sda1_noise"\n[fit]\ngrow = 1\ngrow_failure = "fail"\n',
        "fit.grow",
        "partition 1 holds no file system that is known",
    ),
    (install(parts='1 = "sda1_large"'), "images", "partition 1"),
    (
        'action = "restore"\n[images.partitions]\n5 = "sda_Disk"\n',
        "images.partitions.5",
        "sda_Disk@1 is the image of a disk",
    ),
]


@pytest.mark.parametrize(("text", "where", "what"), WRONG, ids=[what for _, _, what in WRONG])
def test_contradictions_are_told_at_add_and_at_set(
    appliance: Appliance, text: str, where: str, what: str
) -> None:
    """Nothing is kept; and of an older profile, no job is made."""
    with pytest.raises(InvalidError) as caught:
        add_profile(appliance, ADMIN, AddProfile("new", text))
    assert any(problem.where == where and what in problem.what for problem in caught.value.problems)
    kept = appliance.home.profiles / "new.toml"
    assert not kept.exists()
    kept.write_text(text)
    with pytest.raises(InvalidError) as caught:
        assign_profile(appliance, ADMIN, AssignProfile(("pc1",), "new"))
    kept.unlink()
    assert any(problem.where == where and what in problem.what for problem in caught.value.problems)


def test_firmware_that_an_image_is_not_for(appliance: Appliance) -> None:
    """The host's is known since its contact: told before it is started for nothing."""
    add_profile(appliance, ADMIN, AddProfile("good", install(), replace=True))
    with pytest.raises(InvalidError) as caught:
        assign_profile(appliance, ADMIN, AssignProfile(("pc1", "pc2"), "good"))
    found = [problem for problem in caught.value.problems if problem.where == "pc2: images.disk"]
    assert found[0].what == "sda_Disk@1 starts with bios firmware, this host last started with uefi"
    assert assign_profile(appliance, ADMIN, AssignProfile(("pc1",), "good")).remarks == ()


def test_what_is_often_not_meant_is_said_and_done(appliance: Appliance) -> None:
    """A partition that stays empty, images that are not there yet, one name for several hosts."""
    (empty,) = add_profile(appliance, ADMIN, AddProfile("empty", install(parts=""), replace=True))
    assert empty.what == "partition 5 of sda_Disk@1 is empty, and the profile puts nothing there"
    assert assign_profile(appliance, ADMIN, AssignProfile(("pc1",), "empty")).remarks == (empty,)
    growing = install(tables='[fit]\ngrow = "last"\n')
    (swap,) = add_profile(appliance, ADMIN, AddProfile("growing", growing))
    assert (swap.where, swap.what[:33]) == ("fit.grow", "partition 6 holds swap, which can")
    assert add_profile(appliance, ADMIN, AddProfile("five", install(tables="[fit]\ngrow = 5\n"))) == ()
    (later,) = add_profile(appliance, ADMIN, AddProfile("later", install(parts='5 = "sda5_Later"')))
    assert (later.where, later.what) == ("images.partitions.5", "there is no image sda5_Later")
    text = (
        'action = "restore"\n[images.partitions]\n5 = "sda5_Root"\n[personalise]\nroot = 5\nhostname = "x"\n'
    )
    add_profile(appliance, ADMIN, AddProfile("named", text))
    (shared,) = assign_profile(appliance, ADMIN, AssignProfile(("pc1", "pc2"), "named")).remarks
    assert shared.what == "all 2 of them will be called x"


def test_a_partition_that_is_empty_by_definition_is_no_remark(appliance: Appliance) -> None:
    """Microsoft's reserved one; an ESP without a file system is."""
    (esp,) = add_profile(appliance, ADMIN, AddProfile("uefi", install(disk="sda_Uefi", parts="")))
    assert esp.what.startswith("partition 1 of sda_Uefi@1 is empty")


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ('transport = "sat"', "'sat' is no transport that a disk can have; did you mean 'sata'?"),
        ('transport = "NVME"', "did you mean 'nvme'?"),
        ('transport = "pigeon"', "known: fc, mmc, nvme, sas, sata, scsi, usb, virtio"),
        ('name = "/dev/sda"', "is no kernel's name of a disk"),
        ('serial = ""', "would match any disk that tells none"),
    ],
)
def test_disk_rules_that_match_nothing_or_too_much(line: str, what: str) -> None:
    """Without any image: when the file is read."""
    with pytest.raises(InvalidError) as caught:
        read_profile(install(tables=f"[disk]\n{line}\n"), "x")
    assert what in str(caught.value.problems)


def test_the_agent_finds_the_transports_that_profiles_may_name() -> None:
    """No more and no fewer."""
    assert {name for name, _ in FOUND_BY_THE_AGENT} == set(TRANSPORTS)


def test_on_the_command_line(home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """'profile check' asks the images, too; warnings stand on standard error."""
    file = tmp_path / "p.toml"
    file.write_text(install(parts='7 = "sda5_Root"'))
    assert run(["--home", str(home), "profile", "check", str(file)]) == ExitStatus.REFUSED
    assert (
        "images.partitions.7: sda_Disk@1 has no partition 7 (its partitions: 1, 5, 6)"
        in capsys.readouterr().err
    )
    file.write_text(install(parts=""))
    assert run(["--home", str(home), "profile", "add", str(file), "--replace"]) == 0
    assert "warning: images.disk: partition 5 of sda_Disk@1 is empty" in capsys.readouterr().err

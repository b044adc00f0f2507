"""Roots on LVM: found where LVM's own tools put them, personalised, and never past an owner."""

from __future__ import annotations

import os
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from initramfs.agent.errors import PlanError
from initramfs.imaging.errors import LabelError
from initramfs.imaging.filesystem.lvm import volume_group
from initramfs.imaging.label.model import Bounds
from initramfs.messages import DiskIdentity, DiskRule, Install, Job, Loader, Personalisation, Uuids
from tests.images import content, filesystems
from tests.images.disk import Slot, insert, partition
from tests.images.filesystems import MIB, blank
from tests.images.image_command import Appliance
from tests.images.imported import imported, refused
from tests.images.job_machine import machine
from tests.lab.command import run

pytestmark = [
    pytest.mark.root,
    pytest.mark.skipif(os.geteuid() != 0, reason="loop devices need root"),
]

GROUP = "golden-vg"
UNIT = 2 * MIB
"""LVM's extents in these tests."""
BOOT = "c10e5500-0000-4000-8000-000000000001"


def lvm(device: Path, verb: str, *words: str | Path) -> str:
    """One of LVM's own tools, on this device alone, without a kernel that has device mapper."""
    alone = f'devices {{ filter = [ "a|^{device}$|", "r|.*|" ] use_devicesfile = 0 }}'
    return run("env", "DM_DISABLE_UDEV=1", verb, "--driverloaded", "n", "--config", alone, *words)


@contextmanager
def physical_volume(path: Path, size: int, *volumes: tuple[str, int]) -> Iterator[Path]:
    """A file (MiB) as a volume group with these volumes (extents), as a block device."""
    blank(path, size)
    with content.loop(path) as device:
        lvm(device, "pvcreate", "-y", device)
        lvm(device, "vgcreate", "-y", "-s", f"{UNIT}b", GROUP, device)
        for name, extents in volumes:
            create(device, name, extents)
        yield device


def create(device: Path, name: str, extents: int, *options: str) -> None:
    """A logical volume."""
    lvm(device, "lvcreate", "-y", "-an", "-Zn", "-Wn", "-n", name, "-l", str(extents), *options, GROUP)


def placed(device: Path, name: str) -> list[Bounds]:
    """Where a volume lies, by LVM's own word."""
    first = int(lvm(device, "pvs", "--noheadings", "--nosuffix", "--units", "b", "-o", "pe_start", device))
    ranges = lvm(device, "lvs", "--noheadings", "--segments", "-o", "seg_pe_ranges", f"{GROUP}/{name}")
    spans = [line.strip().rpartition(":")[2].split("-") for line in ranges.splitlines()]
    return [Bounds(first + int(a) * UNIT, (int(b) - int(a) + 1) * UNIT) for a, b in spans]


def read_group(path: Path) -> dict[str, tuple[tuple[Bounds, ...], str]]:
    """The volumes as the agent finds them."""
    data = path.read_bytes()
    found = volume_group(lambda at, length: data[at : at + length], len(data))
    assert found.name == GROUP
    return {volume.name: (volume.pieces, volume.why) for volume in found.volumes}


def test_volumes_are_where_lvm_says(tmp_path: Path) -> None:
    """In one piece and in several; a piece that touches the last is none of its own."""
    with physical_volume(tmp_path / "pv", 48, ("root", 4), ("swap", 2)) as device:
        lvm(device, "lvextend", "-l", "+3", f"{GROUP}/swap")
        lvm(device, "lvextend", "-l", "+2", f"{GROUP}/root")
        run("sync", "-f", tmp_path / "pv")
        found = read_group(tmp_path / "pv")
        assert found == {name: (tuple(placed(device, name)), "") for name in ("root", "swap")}
    assert [len(pieces) for pieces, _ in found.values()] == [2, 1]


SNAPSHOT = """
    snapshot0 {
        id = "AAAAAA-AAAA-AAAA-AAAA-AAAA-AAAA-AAAAAA"
        status = ["READ", "WRITE"]
        segment_count = 1
        segment1 {
            start_extent = 0
            extent_count = 4
            type = "snapshot"
            chunk_size = 8
            origin = "root"
            cow_store = "snap"
        }
    }
"""
"""What 'lvcreate --snapshot' adds; it needs a kernel with device mapper, vgcfgrestore does not."""


def test_what_is_more_than_pieces_in_a_row_is_out_of_reach(tmp_path: Path) -> None:
    """Written to past its owner, it would be destroyed."""
    volumes = (("root", 4), ("snap", 2), ("plain", 1), ("read-only", 1))
    with physical_volume(tmp_path / "pv", 48, *volumes) as device:
        create(device, "error", 2, "--type", "error")
        lvm(device, "lvchange", "-pr", f"{GROUP}/read-only")
        backup = tmp_path / "backup"
        lvm(device, "vgcfgbackup", "-f", backup, GROUP)
        start = "logical_volumes {"
        backup.write_text(backup.read_text().replace(start, start + SNAPSHOT))
        lvm(device, "vgcfgrestore", "-f", backup, GROUP)
        run("sync", "-f", tmp_path / "pv")
    assert {name: why for name, (_, why) in read_group(tmp_path / "pv").items()} == {
        "root": "it has snapshots",
        "plain": "",
        "read-only": "it is read-only",
        "error": "it is of the type error",
    }


def test_metadata_that_goes_round_is_read(tmp_path: Path) -> None:
    """The area is a ring: after some changes the text begins at its end and goes on at its start."""
    path = tmp_path / "pv"
    blank(path, 16)
    with content.loop(path) as device:
        lvm(device, "pvcreate", "-y", "--metadatasize", "12k", "--dataalignment", "64k", device)
        lvm(device, "vgcreate", "-y", "-s", f"{UNIT}b", GROUP, device)
        create(device, "root", 1)
        for turn in range(8):
            tags = (f"tag{turn}-{number}-{'x' * 100}" for number in range(30))
            lvm(device, "vgchange", *(word for tag in tags for word in ("--addtag", tag)), GROUP)
            run("sync", "-f", path)
            assert read_group(path)["root"] == (tuple(placed(device, "root")), "")
            if _wraps(path):
                return
    pytest.fail("it never went round")


def _wraps(path: Path) -> bool:
    """Whether the text of the first metadata area ends behind its end."""
    head = path.read_bytes()[4096:4608]
    size = int.from_bytes(head[32:40], "little")
    at, length = (int.from_bytes(head[place : place + 8], "little") for place in (40, 48))
    return at + length > size


@pytest.mark.parametrize("harm", ["label", "metadata", "group"])
def test_damage_is_told(harm: str, tmp_path: Path) -> None:
    """A checksum that is wrong, no label, no group."""
    with physical_volume(tmp_path / "pv", 16, ("root", 1)) as device:
        if harm == "group":
            lvm(device, "lvremove", "-y", f"{GROUP}/root")
            lvm(device, "vgremove", "-y", GROUP)
    data = bytearray((tmp_path / "pv").read_bytes())
    if harm == "label":
        data[:2048] = bytes(2048)
    if harm == "metadata":
        at = data.rindex(b"logical_volumes")
        data[at] ^= 1
    (tmp_path / "pv").write_bytes(data)
    with pytest.raises(LabelError, match="LVM"):
        read_group(tmp_path / "pv")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"extent_count = 10", b"extent_count = -1"),
        (b"extent_count = 10", b"extent_count = 99"),
        (b'"pv0", 10', b'"pv0", -9'),
        (b"pe_start = 2048", b"pe_start = -204"),
        (b"stripe_count = 1", b"stripe_count = {"),
        (b"logical_volumes {", b"logical_volumes ["),
    ],
)
def test_a_volume_outside_of_its_partition_is_refused(old: bytes, new: bytes, tmp_path: Path) -> None:
    """Its metadata comes with the image: what it says must not lead into another partition."""
    with physical_volume(tmp_path / "pv", 64, ("root", 10), ("home", 10)):
        pass
    data = bytearray((tmp_path / "pv").read_bytes())
    start = 4096
    at, length = (int.from_bytes(data[start + place : start + place + 8], "little") for place in (40, 48))
    text = bytes(data[start + at : start + at + length])
    assert old in text
    assert len(old) == len(new)
    text = text.replace(old, new)
    data[start + at : start + at + length] = text
    checksum = zlib.crc32(text, 0xF597A6CF ^ 0xFFFFFFFF) ^ 0xFFFFFFFF
    data[start + 56 : start + 60] = checksum.to_bytes(4, "little")
    (tmp_path / "pv").write_bytes(data)
    with pytest.raises(LabelError, match="makes no sense"):
        read_group(tmp_path / "pv")


def golden(path: Path, folder: Path, *, encrypted: bool = False) -> None:
    """A boot partition; LVM with swap, a root that refers to the boot partition, and data with an ``etc``."""
    starts = partition(path, 72, "label: dos\nlabel-id: 0xc105e515", (Slot(1, 8, "83"), Slot(2, 0, "8e")))
    filesystems.ext4(folder / "boot", 8, BOOT)
    trees = {"root": {"etc/hostname": "golden\n", "etc/fstab": f"UUID={BOOT} /boot ext4\n", "usr/bin/sh": ""}}
    trees["home"] = {"etc/hostname": "a user's\n"}
    with physical_volume(folder / "pv", 63, ("swap", 2), ("root", 10), ("home", 8)) as device:
        for name, files in trees.items():
            for file, text in files.items():
                (folder / name / file).parent.mkdir(parents=True, exist_ok=True)
                (folder / name / file).write_text(text)
            (place,) = placed(device, name)
            uuid = BOOT.replace("1", "2" if name == "root" else "3")
            filesystems.ext4(folder / f"{name}.fs", place.size // MIB, uuid, folder / name)
            data = (folder / f"{name}.fs").read_bytes()
            with (folder / "pv").open("r+b") as pv:
                pv.seek(place.start)
                pv.write(b"LUKS\xba\xbe\0\1".ljust(len(data), b"\x17") if encrypted else data)
    insert(path, starts[1], folder / "boot")
    insert(path, starts[2], folder / "pv")


def test_a_root_on_lvm_is_personalised_and_its_references_follow(
    appliance: Appliance, tmp_path: Path
) -> None:
    """Its volume group is neither activated nor changed; another volume's ``etc`` is not touched."""
    golden(tmp_path / "golden", tmp_path)
    appliance.call("capture", tmp_path / "golden", "sda_Golden")
    target = tmp_path / "target"
    target.write_bytes(b"\xa5" * 72 * MIB)
    with machine(appliance, "sda_Golden", target) as (pc, image):
        work = Install(
            image,
            DiskRule(),
            personalisation=Personalisation(2, "pc17"),
            identity=DiskIdentity(uuids=Uuids.NEW),
            loader=Loader.IGNORE,
        )
        pc.run(Job(1, "test", work))
    assert "partition 2 root: etc/fstab corrected" in pc.lines
    assert "root: the name golden is pc17 now" in pc.lines
    with content.loop(target, 9 * MIB, 63 * MIB) as device:
        (root,), (home,) = placed(device, "root"), placed(device, "home")
    start = 9 * MIB
    new = run("blkid", "-o", "value", "-s", "UUID", "-p", "-O", str(MIB), "-S", str(8 * MIB), target).strip()
    assert new != BOOT
    for place, name in ((root, "pc17\n"), (home, "a user's\n")):
        with content.loop(target, start + place.start, place.size) as device:
            content.check(device, "ext4")
            with content.mounted(device, "ext4") as top:
                assert (top / "etc/hostname").read_text() == name
                assert place is home or (top / "etc/fstab").read_text() == f"UUID={new} /boot ext4\n"


def test_lvm_without_a_root_in_reach_is_refused_before_the_first_write(
    appliance: Appliance, tmp_path: Path
) -> None:
    """What lies in its volumes is read from the image, and named."""
    golden(tmp_path / "golden", tmp_path, encrypted=True)
    appliance.call("capture", tmp_path / "golden", "sda_Golden")
    target = tmp_path / "target"
    target.write_bytes(b"\xa5" * 72 * MIB)
    with machine(appliance, "sda_Golden", target) as (pc, image):
        work = Install(image, DiskRule(), personalisation=Personalisation(2, "pc17"))
        with pytest.raises(
            PlanError, match=r"golden-vg, none can be changed \(home: LUKS.*root: LUKS.*swap: "
        ):
            pc.run(Job(1, "test", work))
    assert target.read_bytes() == b"\xa5" * 72 * MIB


def test_a_physical_volume_that_was_cut_off_is_not_imported(tmp_path: Path) -> None:
    """It says how large its partition is."""
    part = tmp_path / "part"
    blank(part, 40)
    with content.loop(part) as device:
        lvm(device, "pvcreate", "-y", device)
    with imported(part, tmp_path / "work") as found:
        assert found.path == part
    os.truncate(part, 30 * MIB)
    refused(part, tmp_path / "work", f"the LVM2_member in part has {40 * MIB} bytes, there are {30 * MIB}")

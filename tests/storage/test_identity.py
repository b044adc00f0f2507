"""New identifiers on real disks: every reference leads to something that is there, and nothing is double."""

from __future__ import annotations

import os
import random
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from initramfs.agent.errors import PlanError
from initramfs.agent.steps.adapt import apply
from initramfs.agent.steps.duplicates import others, settle
from initramfs.imaging.device.device import Device
from initramfs.imaging.filesystem.probe import probe
from initramfs.imaging.filesystem.rename import rename
from initramfs.imaging.format.manifest import Manifest
from initramfs.imaging.label import read_label
from initramfs.imaging.label.model import Bare, PartitionNumber
from initramfs.imaging.restore.compose import compose
from initramfs.imaging.restore.identifiers import collect, contents, duplicates, new_uuid, renamed
from initramfs.imaging.restore.look_ahead import with_facts
from initramfs.imaging.restore.restore import Restore
from initramfs.messages import DiskIdentity, Duplicates, Uuids
from tests.images import content, filesystems, fixed_size
from tests.images.disk import Slot, insert, partition
from tests.images.in_memory import MIB, Captured, capture_file, signed
from tests.lab.command import run

pytestmark = [
    pytest.mark.root,
    pytest.mark.skipif(os.geteuid() != 0, reason="loop devices need root"),
]

UUID = "c10e5500-0000-4000-8000-00000000000{}"
REFERENCE = re.compile(r"\b(?:PART)?UUID=([0-9A-Fa-f-]+)|--fs-uuid (?:--set=root )?([0-9A-Fa-f-]+)")
SLOTS = (
    Slot(1, 8, "83", "bootable"), Slot(2, 8, "c"), Slot(4, 80, "5"), Slot(5, 32, "83"), Slot(6, 16, "7"),
    Slot(7, 8, "82"),
)  # fmt: skip
MODERN = (Slot(1, 16, "U"), Slot(2, 32, "L"), Slot(3, 8, "S"))


def tree(folder: Path, files: dict[str, str]) -> Path:
    """A folder with these files."""
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


def root_tree(folder: Path, partuuid: str) -> Path:
    """A Linux root that refers to everything else."""
    fstab = f"UUID={UUID.format(5)} / ext4 defaults 0 1\nUUID={UUID.format(7)} none swap sw 0 0\n"
    return tree(
        folder,
        {
            "etc/fstab": f"{fstab}PARTUUID={partuuid} /boot ext2 defaults 0 2\nUUID=C105-E507 /fat vfat\n",
            "etc/initramfs-tools/conf.d/resume": f"RESUME=UUID={UUID.format(7)}\n",
            "boot/grub/grub.cfg": f"search --no-floppy --fs-uuid --set=root {UUID.format(5)}\n",
        },
    )


@pytest.fixture
def classroom(tmp_path: Path) -> Path:
    """The disk of 1999: a boot partition with GRUB's menu, FAT, and logical Linux, NTFS, swap."""
    starts = partition(tmp_path / "classroom", 100, "label: dos\nlabel-id: 0xc105e515", SLOTS)
    part = {number: tmp_path / f"part{number}" for number in starts}
    debian = UUID.format(5)
    menu = f"search --no-floppy --set=root --fs-uuid {debian}\nlinux /vmlinuz root=UUID={debian} ro\n"
    filesystems.ext4(
        part[1], 8, UUID.format(1), tree(tmp_path / "boot", {"grub/grub.cfg": menu}), kind="ext2"
    )
    filesystems.fat(part[2], 8, "C105E507", tree(tmp_path / "fat", {"readme.txt": "x"}))
    filesystems.ext4(part[5], 32, UUID.format(5), root_tree(tmp_path / "root", "c105e515-01"))
    filesystems.ntfs(part[6], 16, starts[6], tree(tmp_path / "ntfs", {"readme.txt": "x"}))
    filesystems.swap(part[7], 8, UUID.format(7))
    for number in (1, 2, 5, 6, 7):
        insert(tmp_path / "classroom", starts[number], part[number])
    return tmp_path / "classroom"


@pytest.fixture
def modern(tmp_path: Path) -> Path:
    """GPT: an EFI system partition, a root, swap."""
    label = f"label: gpt\nlabel-id: {UUID.format(0)}"
    starts = partition(tmp_path / "modern", 70, label, MODERN)
    with Device.open(tmp_path / "modern") as device:
        table = read_label(device.read, device.size, 512)
    assert table is not None
    filesystems.fat(tmp_path / "esp", 16, "C105E507", tree(tmp_path / "espfiles", {"readme.txt": "x"}))
    filesystems.ext4(
        tmp_path / "root", 32, UUID.format(5), root_tree(tmp_path / "tree", table.partitions[0].uuid)
    )
    filesystems.swap(tmp_path / "swap", 8, UUID.format(7))
    for number, name in ((1, "esp"), (2, "root"), (3, "swap")):
        insert(tmp_path / "modern", starts[number], tmp_path / name)
    return tmp_path / "modern"


def restore(image: Captured, target: Path, wanted: DiskIdentity, *others_: Path, size: int) -> list[str]:
    """As the agent does it, from the check to the commit; what was logged. Raises what it raises."""
    log: list[str] = []
    with Device.create(target, size) as device:
        layout = compose(target_size=device.size, sector_size=512, disk=image.manifest, grow=None)
        found = contents(image.manifest, {})
        source = random.Random(8)
        renames = settle(wanted, layout, found, others(others_, log.append), source.randbytes)
        if renames is not None:
            layout = renamed(layout, renames)
        # this kernel cannot mount FAT: what follows there is tried on folders, see test_references.py
        mountable = {number: fs for number, fs in found.items() if fs.type != "vfat"}
        run_ = Restore(layout, image.chunks, device)

        def between(_: object) -> None:
            log.extend(apply(renames, layout, target, mountable) if renames else ())

        run_.run(before_commit=between)
    return log


def known(disk: Path) -> set[str]:
    """Every UUID and PARTUUID that blkid and sfdisk find on a disk, in lower case."""
    with Device.open(disk) as device:
        label = read_label(device.read, device.size, 512)
        assert label is not None
        return {one.value for one in collect(device)}


def referred(disk: Path) -> Iterator[str]:
    """Every identifier that the texts on it refer to, in lower case."""
    with Device.open(disk) as device:
        label = read_label(device.read, device.size, 512)
    for area in label.areas if label else ():
        with content.loop(disk, area.start, area.size) as loop:
            if "ext" not in run("blkid", "-p", "-o", "value", "-s", "TYPE", loop):
                continue
            with content.mounted(loop, "ext4") as place:
                texts = [path.read_text(errors="replace") for path in place.rglob("*") if path.is_file()]
        for one, two in REFERENCE.findall("\n".join(texts)):
            yield (one or two).lower()


@pytest.mark.parametrize("which", ["classroom", "modern"])
def test_every_reference_leads_to_what_is_there(
    which: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    """Disk, partitions and file systems are all new; texts have followed; tables and checkers agree."""
    golden: Path = request.getfixturevalue(which)
    image, target = capture_file(golden, "sda_Golden"), tmp_path / "target-disk"
    for size in (golden.stat().st_size, golden.stat().st_size + 8 * MIB):
        log = restore(image, target, DiskIdentity(Uuids.NEW), size=size)
        assert "No errors detected" in run("sfdisk", "--verify", target)
        assert not known(target) & known(golden)
        assert len(known(target)) == len(known(golden))
        references = set(referred(target))
        assert len(references) >= 4
        assert references <= known(target)
        assert set(referred(golden)) <= known(golden)
        assert any("etc/fstab" in line for line in log)
        assert_checkers_agree(target)


def assert_checkers_agree(disk: Path) -> None:
    """Nobody finds anything."""
    with Device.open(disk) as device:
        label = read_label(device.read, device.size, 512)
    assert label is not None
    for area in label.areas:
        with content.loop(disk, area.start, area.size) as loop:
            kind = run("blkid", "-p", "-o", "value", "-s", "TYPE", loop).strip()
            content.check(loop, "ext4" if kind == "ext2" else kind)


def test_a_twin_in_the_machine_is_refused_before_the_first_write(classroom: Path, tmp_path: Path) -> None:
    """With its name; on request the new disk becomes another one, and then both may stay."""
    image, target = capture_file(classroom, "sda_Golden"), tmp_path / "target-disk"
    target.write_bytes(b"\xa5" * classroom.stat().st_size)
    size = classroom.stat().st_size
    with pytest.raises(PlanError, match="classroom has the disk identifier c105e515"):
        restore(image, target, DiskIdentity(), classroom, size=size)
    assert target.read_bytes() == b"\xa5" * size
    restore(image, target, DiskIdentity(duplicates=Duplicates.RANDOMISE), classroom, size=size)
    with Device.open(target) as one, Device.open(classroom) as two:
        assert not duplicates(collect(one), {"classroom": collect(two)})
    restore(image, target, DiskIdentity(duplicates=Duplicates.IGNORE), classroom, size=size)
    assert known(target) == known(classroom)


def test_a_disk_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    """A card reader without a card is no reason to stop."""
    said: list[str] = []
    assert others([tmp_path / "nothing"], said.append) == {}
    assert "nothing was not looked at" in said[0]


@pytest.mark.parametrize("kind", ["ext4", "xfs", "btrfs", "ntfs", "swap", "vfat"])
def test_file_systems_take_a_new_identifier(kind: str, tmp_path: Path) -> None:
    """By their own tools, twice the same, and their checkers agree; files stay."""
    path, source = tmp_path / "fs", random.Random(3)
    if kind in ("swap", "vfat"):
        filesystems.blank(path, 64)
        run(*content.MAKERS[kind], path)
    else:
        content.make(path, 320 if kind in ("xfs", "btrfs") else 64, kind)
    with content.loop(path) as loop:
        size = path.stat().st_size
        before = content.digests(loop, kind) if kind not in ("swap", "vfat") else {}
        new = new_uuid(kind, source.randbytes)
        for _ in range(2):
            rename(kind, loop, new, size)
        assert run("blkid", "-p", "-o", "value", "-s", "UUID", loop).strip() == new
        content.check(loop, kind)
        if before:
            assert content.digests(loop, kind) == before


@pytest.mark.parametrize("recorded", [True, False])
@pytest.mark.parametrize(
    ("what", "said"),
    [
        ("stable_inodes", "stable_inodes"),
        ("journal", "its journal lies on another device"),
        ("log", "its log lies on another device"),
        ("devices", "it lies on 2 devices"),
    ],
)
def test_what_cannot_be_renamed_is_known_before_the_first_write(
    what: str, said: str, tmp_path: Path, *, recorded: bool
) -> None:
    """It keeps its identifier, and is not mounted where that cannot be."""
    image = capture_file(fixed_size.make(tmp_path, what), "sda5_Data", force=True)
    found = image.manifest.header.filesystems[0]
    if not recorded:
        found = replace(found, facts=None)
        header = replace(image.manifest.header, filesystems=(found,))
        image = Captured(signed(header, list(image.manifest.index)), image.chunks)
    bare: dict[PartitionNumber, Manifest] = {Bare.BARE: image.manifest}
    systems = with_facts(image.chunks, None, bare, contents(None, bare))
    with Device.create(tmp_path / "target", image.manifest.header.size) as device:
        layout = compose(target_size=device.size, sector_size=512, partitions=bare)
        renames = settle(DiskIdentity(Uuids.NEW), layout, systems, {}, random.Random(1).randbytes)
        assert renames is not None
        assert not renames.filesystems
        log: list[str] = []
        Restore(layout, image.chunks, device).run(
            before_commit=lambda _: log.extend(apply(renames, layout, tmp_path / "target", systems))
        )
    assert said in log[0]
    assert probe(tmp_path / "target", 0, image.manifest.header.size).uuid == found.uuid

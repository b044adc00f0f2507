"""Growing and shrinking what is not plain: real file systems, whose own tools judge what came of it."""

from __future__ import annotations

import os
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from initramfs.imaging.device.device import Device
from initramfs.imaging.errors import LayoutError, ToolError
from initramfs.imaging.filesystem.check import CHECKS, check, prove
from initramfs.imaging.filesystem.rename import rename
from initramfs.imaging.format.manifest import Manifest
from initramfs.imaging.label.model import Bare
from initramfs.imaging.restore.grow_filesystem import grow_filesystem
from initramfs.imaging.restore.layout import Layout
from initramfs.imaging.restore.plan import plan
from initramfs.imaging.restore.restore import Restore
from initramfs.imaging.restore.strategy import Different
from initramfs.messages import Fit, GrowFailure, Last
from tests.images import content
from tests.images.bad_clusters import allocate, mark_bad
from tests.images.disk import insert
from tests.images.filesystems import blank
from tests.images.fixed_size import btrfs_of_two, make
from tests.images.image_command import Appliance
from tests.images.in_memory import MIB, Captured, capture_file, reason_on, signed
from tests.lab.command import run

pytestmark = [
    pytest.mark.root,
    pytest.mark.skipif(os.geteuid() != 0, reason="loop devices need root"),
]

KEEP, FAIL = Fit(Last.LAST), Fit(Last.LAST, GrowFailure.FAIL)
NEW = "c10e5500-0000-4000-8000-0000000000aa"


def laid(image: Captured, device: Device, fit: Fit = KEEP) -> Layout:
    """The image of one partition on a target without a label."""
    return plan(image.chunks, device, fit, partitions={Bare.BARE: image.manifest})


def restored(image: Captured, target: Path, size: int, fit: Fit = KEEP) -> list[str]:
    """Written and grown, as the agent does it; what was told."""
    with Device.create(target, size) as device:
        layout = laid(image, device, fit)
        return write(layout, image, device, fit)


def write(layout: Layout, image: Captured, device: Device, fit: Fit = KEEP) -> list[str]:
    """What is laid out, and what was told."""
    said = list(layout.notes)
    restore = Restore(layout, image.chunks, device, strategy=Different())
    restore.run(before_commit=lambda _: said.append(grow_filesystem(layout, device, fit.grow_failure)))
    return said


def without_facts(image: Captured) -> Captured:
    """As an older program made it: what it did not record has to be looked for."""
    header = image.manifest.header
    plain = tuple(replace(found, facts=None) for found in header.filesystems)
    return Captured(signed(replace(header, filesystems=plain), list(image.manifest.index)), image.chunks)


def assert_mounts(target: Path, kind: str, files: dict[str, str]) -> None:
    """In order, and with its files."""
    with content.loop(target) as device:
        assert check(kind, device)
        assert content.digests(device, kind) == files


def ext4(folder: Path, size: int, *options: str) -> tuple[Captured, dict[str, str]]:
    """An ext4 of ``size`` MiB, captured, and its files."""
    part = folder / "part"
    blank(part, size)
    run("mkfs.ext4", "-q", "-F", *options, part)
    with content.loop(part) as device:
        with content.mounted(device, "ext4") as place:
            (place / "file").write_bytes(os.urandom(MIB))
        files = content.digests(device, "ext4")
    return capture_file(part, "sda5_Data"), files


@pytest.mark.parametrize(
    ("size", "options", "grown"),
    [
        (64, ("-O", "orphan_file"), 40 << 10),
        (500, ("-O", "orphan_file,metadata_csum_seed,^resize_inode"), 3 << 10),
    ],
)
def test_an_orphan_file_survives_growing(
    size: int, options: tuple[str, ...], grown: int, tmp_path: Path
) -> None:
    """resize2fs 1.47.0 moves it and leaves its checksums wrong, with status 0: no kernel mounts that."""
    image, files = ext4(tmp_path, size, *options)
    said = restored(image, tmp_path / "target", grown * MIB)
    assert said == [f"the partition: the ext4 has grown from {size * MIB} to {grown * MIB} bytes"]
    assert_mounts(tmp_path / "target", "ext4", files)


def test_an_orphan_file_survives_a_new_identifier(tmp_path: Path) -> None:
    """tune2fs 1.47.0 leaves its checksums wrong, too."""
    _, files = ext4(tmp_path, 64, "-O", "orphan_file")
    with content.loop(tmp_path / "part") as device:
        rename("ext4", device, NEW, 64 * MIB)
    assert_mounts(tmp_path / "part", "ext4", files)


@pytest.mark.parametrize("kind", sorted(CHECKS.keys() - {"ext2", "ext3"}))
def test_every_check_knows_order_from_damage(kind: str, tmp_path: Path) -> None:
    """A check that says yes to everything proves nothing."""
    part = tmp_path / "part"
    blank(part, 320)
    run(*content.MAKERS[kind], part)
    with content.loop(part) as device:
        assert check(kind, device)
    with part.open("r+b") as file:
        for place in (0, 4096, 64 << 10):
            file.seek(place)
            file.write(b"\xa5" * 2048)
    with content.loop(part) as device, pytest.raises(ToolError):
        check(kind, device)


def test_a_file_system_that_is_not_in_order_leaves_the_disk_closed(tmp_path: Path) -> None:
    """What its tool does not mend without a question is no reason to keep it and go on."""
    image, _ = ext4(tmp_path, 64)
    run("debugfs", "-w", "-R", "clri <2>", tmp_path / "part")  # its root folder
    image = capture_file(tmp_path / "part", "sda5_Data", force=True)
    with pytest.raises(ToolError, match="not in order"):
        restored(image, tmp_path / "target", 128 * MIB)
    assert "not in order" in reason_on((tmp_path / "target").read_bytes(), MIB)


def test_a_btrfs_whose_device_is_not_number_1_grows_and_shrinks(appliance: Appliance, tmp_path: Path) -> None:
    """``resize max`` alone means device 1."""
    with btrfs_of_two(tmp_path, only=True) as second:
        image = capture_file(second, "sda5_Data")
        with content.loop(second) as device:
            files = content.digests(device, "btrfs")
        appliance.call("capture", second, "sda5_Data")
    said = restored(image, tmp_path / "target", 600 * MIB)
    assert said == [f"the partition: the btrfs has grown from {300 * MIB} to {600 * MIB} bytes"]
    assert_mounts(tmp_path / "target", "btrfs", files)
    appliance.call("shrink", "sda5_Data", "sda5_Small", "--size", "280 MiB")
    assert appliance.show("sda5_Small")["size"] == 280 * MIB
    appliance.call("restore", "sda5_Small", tmp_path / "small", "--yes")
    assert_mounts(tmp_path / "small", "btrfs", files)


def test_an_ntfs_with_a_bad_cluster_grows_and_shrinks(appliance: Appliance, tmp_path: Path) -> None:
    """The sector was the old disk's; the list of such clusters comes along, and stops nothing."""
    part = tmp_path / "part"
    blank(part, 64)
    run(*content.MAKERS["ntfs"], part)
    mark_bad(part, 9000, 1)
    with content.loop(part) as device:
        with content.mounted(device, "ntfs") as place:
            (place / "file").write_bytes(os.urandom(4 * MIB))
        files = content.digests(device, "ntfs")
    image = capture_file(part, "sda5_Data")
    said = restored(image, tmp_path / "target", 128 * MIB)
    assert f"the ntfs has grown from {64 * MIB} to" in said[0]
    assert_mounts(tmp_path / "target", "ntfs", files)
    appliance.call("capture", part, "sda5_Data")
    appliance.call("shrink", "sda5_Data", "sda5_Small", "--size", "40 MiB")
    appliance.call("restore", "sda5_Small", tmp_path / "small", "--yes")
    assert_mounts(tmp_path / "small", "ntfs", files)


@pytest.mark.parametrize("recorded", [True, False])
@pytest.mark.parametrize(
    ("what", "size", "said"),
    [
        ("bigalloc", 128, "bigalloc"),
        ("journal", 128, "its journal lies on another device"),
        ("log", 640, "its log lies on another device"),
        ("devices", 640, "it lies on 2 devices"),
    ],
)
def test_what_cannot_grow_is_known_before_the_first_write(
    what: str, size: int, said: str, tmp_path: Path, *, recorded: bool
) -> None:
    """It is written as it was captured, and says so; or, where a profile says so, nothing is written."""
    part = make(tmp_path, what)
    image = capture_file(part, "sda5_Data", force=True)
    assert image.manifest.header.filesystems[0].facts
    image = image if recorded else without_facts(image)
    target = tmp_path / "target"
    told = restored(image, target, size * MIB)
    assert said in told[0]
    assert "stays as it is" in told[0]
    assert_same_use(image.manifest, part, target)
    target.write_bytes(b"\xa5" * MIB)
    with pytest.raises(LayoutError, match=said) as refused:
        restored(image, target, size * MIB, FAIL)
    assert "grow_failure" in refused.value.hint
    assert target.read_bytes()[:MIB] == b"\xa5" * MIB


def assert_same_use(image: Manifest, part: Path, target: Path) -> None:
    """All that the image holds is on the target as it was."""
    with part.open("rb") as one, target.open("rb") as two:
        for item in image.index:
            one.seek(item.offset)
            two.seek(item.offset)
            assert one.read(item.length) == two.read(item.length)


def test_what_only_the_tool_knows_leaves_it_as_it_was(tmp_path: Path) -> None:
    """A refusal at the end is told with the tool's reason; the file system is proved, and the disk opens."""
    part = tmp_path / "part"
    content.make(part, 320, "btrfs")
    with content.loop(part) as device:
        files = content.digests(device, "btrfs")
    run("btrfstune", "-S", "1", part)  # a seed is mounted for reading only
    image = capture_file(part, "sda5_Data")
    said = restored(image, tmp_path / "target", 640 * MIB)
    assert said[-1].startswith(f"the partition: the btrfs stays as it is, with {320 * MIB} of")
    assert_mounts(tmp_path / "target", "btrfs", files)
    with pytest.raises(ToolError):
        restored(image, tmp_path / "again", 640 * MIB, FAIL)
    assert reason_on((tmp_path / "again").read_bytes(), MIB)


def test_a_file_system_that_fills_its_partition_is_not_said_to_have_grown(tmp_path: Path) -> None:
    """What was done is measured."""
    image, files = ext4(tmp_path, 64)
    said = restored(image, tmp_path / "target", 64 * MIB)
    assert said == [f"the partition: nothing grew: the ext4 of {64 * MIB} bytes fills its partition already"]
    assert_mounts(tmp_path / "target", "ext4", files)


def test_windows_recovery_partition_makes_room_for_c(tmp_path: Path) -> None:
    """It moves with all its content and says where it begins; C: has grown; both are in order."""
    c, recovery, disk, target = (tmp_path / name for name in ("c", "recovery", "disk", "target"))
    blank(disk, 120)
    layout = "label: gpt\nsize=16M,type=E3C9E316-0B5C-4DB8-817D-F92DF00215AE\n"
    layout += "size=60M,type=EBD0A0A2-B9E5-4433-87C0-68B6B72699C7\n"
    layout += "size=40M,type=DE94BBA4-06D1-4D40-A16A-BFD50179D6AC\n"
    run("sfdisk", "-q", "--no-reread", "--no-tell-kernel", disk, stdin=layout)
    for path, size, start in ((c, 60, 17), (recovery, 40, 77)):
        content.make(path, size, "ntfs")
        insert(disk, start * 2048, path)
    image = capture_file(disk, "sda_Windows")
    before = {}
    for path in (c, recovery):
        with content.loop(path) as device:
            before[path] = content.digests(device, "ntfs")
    for _ in range(2):
        target.touch()
        os.truncate(target, 300 * MIB)
        with Device.open(target, writable=True) as device:
            where = plan(image.chunks, device, Fit(Last.LAST), disk=image.manifest)
            said = write(where, image, device)
        assert said[0] == f"partition 3 moves from byte {77 * MIB} to byte {259 * MIB}"
        assert f"partition 2: the ntfs has grown from {60 * MIB} to" in said[1]
        assert "No problems found" in run("sgdisk", "-v", target)
        for path, start, size in ((c, 17, 242), (recovery, 259, 40)):
            with content.loop(target, start * MIB, size * MIB) as loop:
                check("ntfs", loop)
                assert content.digests(loop, "ntfs") == before[path]
        with target.open("rb") as file:
            for place in (259 * MIB, 299 * MIB - 512):
                file.seek(place + 28)
                assert int.from_bytes(file.read(4), "little") == 259 * 2048


@pytest.mark.parametrize(("what", "said"), [("bigalloc", "bigalloc"), ("devices", "2 devices")])
def test_what_cannot_shrink_is_refused_before_it_is_copied(
    what: str, said: str, appliance: Appliance, tmp_path: Path
) -> None:
    """By its reason, and no room is needed for that."""
    appliance.call("capture", make(tmp_path, what), "sda5_Data", "--force")
    with pytest.raises(LayoutError, match=f"cannot be made smaller: .*{said}"):
        appliance.call("shrink", "sda5_Data", "sda5_Small")
    assert not (appliance.home / "store" / "unpacked").exists()
    wish = ("restore", "sda5_Data", tmp_path / "target", "--grow", "last", "--grow-failure", "fail")
    with pytest.raises(LayoutError, match=said):
        appliance.call(*wish)


def only(folder: Path, *tools: str) -> str:
    """A PATH with these programs alone, and a btrfs that is killed when it wants much memory."""
    folder.mkdir()
    for tool in tools:
        found = shutil.which(tool)
        assert found
        (folder / tool).symlink_to(found)
    (folder / "btrfs").write_text(
        '#!/bin/sh\ncase "$*" in *lowmem*|*resize*) exec {} "$@";; esac\nkill -9 $$\n'.format(
            shutil.which("btrfs")
        )
    )
    (folder / "btrfs").chmod(0o755)
    return str(folder)


def test_a_check_that_lacks_memory_is_made_with_less(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The kernel ends the largest program: that is no word about the file system."""
    part = tmp_path / "part"
    content.make(part, 320, "btrfs")
    monkeypatch.setenv("PATH", only(tmp_path / "bin", "sh"))
    assert prove("btrfs", part)
    with part.open("r+b") as file:
        file.write(bytes(1 << 20))
    with pytest.raises(ToolError, match="not in order"):
        prove("btrfs", part)


def test_a_program_that_is_missing_is_known_before_the_first_write(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On an appliance that lacks it; the initramfs has them all."""
    content.make(tmp_path / "part", 320, "xfs")
    image = capture_file(tmp_path / "part", "sda5_Data")
    tools = only(tmp_path / "bin", "losetup", "blkid", "mount", "umount")
    monkeypatch.setenv("PATH", tools)
    (told,) = restored(image, tmp_path / "target", 640 * MIB)[:1]
    assert "cannot grow here: xfs_growfs, xfs_repair is not installed" in told
    with pytest.raises(LayoutError, match="xfs_growfs"):
        restored(image, tmp_path / "again", 640 * MIB, FAIL)


def test_an_ntfs_with_a_stray_cluster_stays_as_it_is(tmp_path: Path) -> None:
    """Windows lives with that, ntfsresize does not: nothing grows, and it is told. Its identifier changes."""
    part = tmp_path / "part"
    blank(part, 64)
    run(*content.MAKERS["ntfs"], part)
    allocate(part, 9000, 1)
    with content.loop(part) as device:
        rename("ntfs", device, "0123456789ABCDEF", 64 * MIB)
        with content.mounted(device, "ntfs") as place:
            (place / "file").write_bytes(os.urandom(MIB))
        files = content.digests(device, "ntfs")
    image = capture_file(part, "sda5_Data")
    said = restored(image, tmp_path / "target", 128 * MIB)
    assert said[0].startswith("the partition: the ntfs stays as it is")
    assert "ntfsresize: " in said[0]
    with content.loop(tmp_path / "target") as device:
        assert content.digests(device, "ntfs") == files
    with pytest.raises(ToolError):
        restored(image, tmp_path / "again", 128 * MIB, FAIL)


def test_an_ntfs_that_was_grown_by_half_leaves_the_disk_closed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its tool writes the boot sector last, and was ended before: what may be from before is not, then."""
    content.make(tmp_path / "part", 64, "ntfs")
    image = capture_file(tmp_path / "part", "sda5_Data")
    (tmp_path / "bin").mkdir()
    tool, real = tmp_path / "bin" / "ntfsresize", shutil.which("ntfsresize")
    boot = "bs=512 count=1 conv=notrunc status=none"
    tool.write_text(
        "#!/bin/sh\n"
        f'case "$*" in *--no-action*|*--info*) exec {real} "$@";; esac\n'
        "for last; do :; done\n"
        f'dd if="$last" of={tmp_path}/boot {boot}; {real} "$@"; dd if={tmp_path}/boot of="$last" {boot}\n'
        "kill -9 $$\n"
    )
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tool.parent}:{os.environ['PATH']}")
    with pytest.raises(ToolError, match=r"the ntfs on /dev/loop\d+ is not in order"):
        restored(image, tmp_path / "target", 128 * MIB)
    assert reason_on((tmp_path / "target").read_bytes(), MIB)

"""The engine on block devices: loop devices, and whole disks with tables and real file systems."""

from __future__ import annotations

import os
import random
import stat
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from initramfs.imaging.capture.capture import Facts, capture
from initramfs.imaging.device.device import Device, allocate, content_of
from initramfs.imaging.device.loop import loop_device
from initramfs.imaging.device.mounting import mounted_part
from initramfs.imaging.errors import CaptureError, DeviceError, LayoutError, ToolError
from initramfs.imaging.format.header import Kind
from initramfs.imaging.format.index import State
from initramfs.imaging.format.manifest import Manifest
from initramfs.imaging.label.model import Bounds
from initramfs.imaging.restore.compose import compose
from initramfs.imaging.restore.restore import Restore
from initramfs.imaging.restore.strategy import Different
from initramfs.messages import Firmware
from tests.images import filesystems
from tests.images.disk import Slot, insert, partition
from tests.images.in_memory import MIB, Captured, MemoryChunks, capture_file, lay, reason_on, signed
from tests.lab.command import run
from tests.lab.waiting import Deadline, until

pytestmark = [
    pytest.mark.root,
    pytest.mark.skipif(os.geteuid() != 0, reason="loop devices need root"),
]

UUID = "0b1f2f6a-3c8e-4b5e-9d53-0f5d2b7c1a1{}"
SIZE = 96


@dataclass(frozen=True, slots=True)
class Golden:
    """A disk laid out like the one of 1999: boot and service partition, then logical ones."""

    path: Path
    starts: dict[int, int]
    """Partition → its first byte."""
    sizes: dict[int, int]


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with something to keep."""
    folder = tmp_path_factory.mktemp("tree")
    (folder / "kept").write_bytes(random.Random(1).randbytes(700_000))
    return folder


@pytest.fixture(scope="module")
def golden(tree: Path, tmp_path_factory: pytest.TempPathFactory) -> Golden:
    """MBR: FAT boot partition, ext4 service Linux, extended with NTFS, ext4, swap, and gaps."""
    folder = tmp_path_factory.mktemp("golden")
    sizes = {1: 8, 2: 20, 5: 16, 6: 20, 7: 8}
    slots = (
        Slot(1, 8, "c", "bootable"), Slot(2, 20, "83"), Slot(4, 60, "5"),
        Slot(5, 16, "7"), Slot(6, 20, "83"), Slot(7, 8, "82"),
    )  # fmt: skip
    disk = folder / "disk"
    starts = partition(disk, SIZE, "label: dos", slots)
    parts = {number: folder / f"part{number}" for number in sizes}
    filesystems.fat(parts[1], sizes[1], "1234abcd", tree)
    filesystems.ext4(parts[2], sizes[2], UUID.format(2), tree)
    filesystems.ntfs(parts[5], sizes[5], starts[5], tree)
    filesystems.ext4(parts[6], sizes[6], UUID.format(6), tree)
    filesystems.swap(parts[7], sizes[7], UUID.format(7))
    for number, part in parts.items():
        insert(disk, starts[number], part)
    with disk.open("r+b") as file:
        file.seek(512)
        file.write(random.Random(2).randbytes(30_000))  # GRUB's gap
    places = {number: starts[number] * 512 for number in sizes}
    return Golden(disk, places, {number: size * MIB for number, size in sizes.items()})


@contextmanager
def blank_loop(folder: Path, size: int, sector_size: int = 512) -> Iterator[Path]:
    """A used disk as a block device: noise, so that nothing is right by chance."""
    path = folder / f"loop{size}"
    path.write_bytes((random.Random(3).randbytes(4 * MIB) * (size // MIB // 4 + 1))[:size])
    name = run("losetup", "--find", "--show", "--sector-size", str(sector_size), path).strip()
    try:
        yield Path(name)
    finally:
        run("losetup", "--detach", name)


def table(disk: Path) -> list[str]:
    """What sfdisk reads, without the devices' names."""
    return [line.rpartition(" : ")[2] for line in run("sfdisk", "--dump", disk).splitlines()[3:]]


def assert_holds(target: Path, image: Manifest, golden: Path, base: int = 0) -> None:
    """Every range of the image is on the target as on the golden disk, outside of free blocks in chunks."""
    with target.open("rb") as have, golden.open("rb") as want:
        for item in image.index:
            have.seek(base + item.offset)
            want.seek(base + item.offset)
            expected = want.read(item.length)
            if item.state is State.ZERO:
                expected = bytes(item.length)
            assert have.read(item.length) == expected, f"{image.title} at {item.offset}"


def assert_healthy(target: Path, golden: Golden, numbers: tuple[int, ...], tree: Path, folder: Path) -> None:
    """The file systems pass their own checkers, and hold the file."""
    for number in numbers:
        part = folder / f"check{number}"
        with target.open("rb") as disk:
            disk.seek(golden.starts[number])
            part.write_bytes(disk.read(golden.sizes[number]))
        match number:
            case 1:
                run("fsck.fat", "-n", part)
            case 2 | 6:
                run("e2fsck", "-fn", part)
                run("debugfs", "-R", f"dump kept {folder / 'kept'}", part)
                assert (folder / "kept").read_bytes() == (tree / "kept").read_bytes()
            case 5:
                run("ntfsfix", "--no-action", part)
            case _:
                assert UUID.format(7) in run("blkid", "-p", part)


def test_a_whole_disk_goes_to_a_block_device(golden: Golden, tree: Path, tmp_path: Path) -> None:
    """Table, boot code, extended chain, file systems; then a delta finds nothing to do."""
    image = capture_file(golden.path, "sda_Golden")
    assert image.manifest.header.kind is Kind.DISK
    assert image.manifest.header.firmware is Firmware.BIOS
    assert [f.type for f in image.manifest.header.filesystems] == ["vfat", "ext4", "ntfs", "ext4", "swap"]
    assert image.count.bytes_read < 60 * MIB
    with blank_loop(tmp_path, SIZE * MIB) as loop:
        with Device.open(loop, writable=True) as target:
            assert target.direct
            outcome = Restore(lay(image.manifest, target.size), image.chunks, target).run()
            again = Restore(
                lay(image.manifest, target.size), image.chunks, target, strategy=Different()
            ).run()
        assert outcome.chunks_verified == outcome.chunks_total
        assert (again.chunks_fetched, again.bytes_written) == (0, 0)
        assert table(loop) == table(golden.path)
        assert_healthy(loop, golden, (1, 2, 5, 6, 7), tree, tmp_path)


def test_the_initclone_and_partition_images_give_the_golden_disk(
    golden: Golden, tree: Path, tmp_path: Path
) -> None:
    """As in 1999: first the initial image with zeroed partitions, over it one image for each."""
    chunks = MemoryChunks()
    disk = capture_file(golden.path, "sda_InitClone", chunks, empty=[5, 6, 7]).manifest
    parts = {n: capture_file(golden.path, f"sda{n}_P", chunks, partition=n).manifest for n in (5, 6, 7)}
    with blank_loop(tmp_path, SIZE * MIB + 4 * MIB) as loop, Device.open(loop, writable=True) as target:
        layout = compose(
            target_size=target.size,
            sector_size=512,
            disk=disk,
            partitions=dict(parts.items()),
            firmware=Firmware.BIOS,
        )
        Restore(layout, chunks, target).run()
        for number, image in parts.items():
            assert_holds(loop, image, golden.path, golden.starts[number])
        assert_healthy(loop, golden, (1, 2, 5, 6, 7), tree, tmp_path)
        whole = capture_file(golden.path, "sda_Golden").manifest
        assert_holds(loop, whole, golden.path)


def test_the_initclone_alone_has_zeros(golden: Golden, tmp_path: Path) -> None:
    """What is not filled is empty, not what was there before."""
    image = capture_file(golden.path, "sda_InitClone", empty=[5, 6, 7])
    with blank_loop(tmp_path, SIZE * MIB) as loop, Device.open(loop, writable=True) as target:
        Restore(lay(image.manifest, target.size), image.chunks, target).run()
        for number in (5, 6, 7):
            assert target.read(golden.starts[number], golden.sizes[number]) == bytes(golden.sizes[number])


def test_one_partition_is_replaced_on_a_disk(golden: Golden, tree: Path, tmp_path: Path) -> None:
    """The others and the table are not touched; done while the disk is a block device."""
    image = capture_file(golden.path, "sda6_Linux", partition=6)
    (tmp_path / "copy").write_bytes(golden.path.read_bytes())
    with (tmp_path / "copy").open("r+b") as file:
        file.seek(golden.starts[6])
        file.write(random.Random(5).randbytes(golden.sizes[6]))
    label = capture_file(golden.path, "sda_Golden").manifest.header.label
    with Device.open(tmp_path / "copy", writable=True) as target:
        layout = compose(
            target_size=target.size, sector_size=512, partitions={6: image.manifest}, label=label
        )
        Restore(layout, image.chunks, target).run()
    assert_healthy(tmp_path / "copy", golden, (1, 2, 5, 6, 7), tree, tmp_path)


@pytest.fixture
def modern(tree: Path, tmp_path: Path) -> Captured:
    """A GPT disk with an EFI system partition and a root."""
    disk, starts = tmp_path / "gpt", {}
    starts = partition(disk, 64, "label: gpt", (Slot(1, 16, "U"), Slot(2, 0, "L")))
    filesystems.fat(tmp_path / "esp", 16, "1234abcd", tree)
    filesystems.ext4(tmp_path / "root", 40, UUID.format(2), tree)
    insert(disk, starts[1], tmp_path / "esp")
    insert(disk, starts[2], tmp_path / "root")
    return capture_file(disk, "sda_Modern")


def test_a_gpt_moves_to_the_end_of_a_larger_disk(modern: Captured, tmp_path: Path) -> None:
    """Sfdisk finds no error, and the old backup's place holds none."""
    assert modern.manifest.header.firmware is Firmware.UEFI
    with blank_loop(tmp_path, 100 * MIB) as loop, Device.open(loop, writable=True) as target:
        outcome = Restore(lay(modern.manifest, target.size), modern.chunks, target).run()
        assert outcome.chunks_verified == outcome.chunks_total
        said = run("sfdisk", "--verify", loop)
        assert "No errors detected" in said
        assert "gpt" in run("blkid", "-p", loop)
        assert target.read(100 * MIB - 512, 8) == b"EFI PART"
        assert target.read(64 * MIB - 512, 8) != b"EFI PART"


def test_a_machine_with_other_firmware_is_refused(modern: Captured) -> None:
    """A GPT without a BIOS boot partition never starts there."""
    with pytest.raises(LayoutError, match="starts with uefi"):
        compose(target_size=64 * MIB, sector_size=512, disk=modern.manifest, firmware=Firmware.BIOS)


def test_a_disk_with_other_sectors_is_refused(golden: Golden, tmp_path: Path) -> None:
    """Tables and file systems count in sectors: 512 does not fit 4096."""
    image = capture_file(golden.path, "sda_InitClone", empty=[1, 2, 5, 6, 7])
    with blank_loop(tmp_path, SIZE * MIB, 4096) as loop, Device.open(loop, writable=True) as target:
        assert target.sector_size == 4096
        with pytest.raises(LayoutError, match="sectors of 512"):
            compose(target_size=target.size, sector_size=target.sector_size, disk=image.manifest)


def test_a_4k_disk_comes_back_on_a_4k_disk(tree: Path, tmp_path: Path) -> None:
    """Tables in 4096-byte sectors, O_DIRECT in their grain."""
    with blank_loop(tmp_path, 48 * MIB, 4096) as loop:
        run("sfdisk", "-q", "--no-reread", "--no-tell-kernel", loop, stdin="label: gpt\n,16MiB,U\n,,L\n")
        filesystems.ext4(tmp_path / "root", 16, UUID.format(1), tree)
        with Device.open(loop, writable=True) as target:
            target.write(content_of((tmp_path / "root").read_bytes()), 17 * MIB)
        chunks = MemoryChunks()
        with Device.open(loop) as source:
            draft = capture(source, Facts("sda_Native"), chunks)
        image = signed(draft.header, draft.ranges)
        assert (image.header.sector_size, image.header.filesystems[0].type) == (4096, "ext4")
        before = loop.read_bytes()
        (tmp_path / "larger").mkdir()
        with (
            blank_loop(tmp_path / "larger", 64 * MIB, 4096) as other,
            Device.open(other, writable=True) as target,
        ):
            layout = compose(target_size=target.size, sector_size=4096, disk=image)
            Restore(layout, chunks, target).run()
            assert "No errors detected" in run("sfdisk", "--verify", other)
            for item in image.index:
                if MIB <= item.offset < 40 * MIB and item.state is State.DATA:
                    assert target.read(item.offset, 4096) == before[item.offset : item.offset + 4096]


def test_a_mounted_disk_is_refused_and_says_where(golden: Golden, tmp_path: Path) -> None:
    """For writing and for capturing; also a file behind a mounted loop device."""
    (tmp_path / "copy").write_bytes(golden.path.read_bytes())
    place = tmp_path / "mounted"
    place.mkdir()
    with loop_device(tmp_path / "copy", golden.starts[2], golden.sizes[2]) as loop:
        run("mount", "-o", "ro,noload", loop, place)
        try:
            for path, writable in ((loop, True), (loop, False), (tmp_path / "copy", True)):
                with pytest.raises(DeviceError, match=f"mounted on {place}"):
                    Device.open(path, writable=writable)
            Device.open(loop, shared=True).close()
        finally:
            run("umount", place)
        Device.open(loop).close()


def test_a_device_in_use_by_another_is_refused(tmp_path: Path) -> None:
    """Two restores to one disk."""
    with (
        blank_loop(tmp_path, MIB) as loop,
        Device.open(loop, writable=True),
        pytest.raises(DeviceError, match="busy"),
    ):
        Device.open(loop, writable=True)


def test_zeros_and_discards_reach_the_device(tmp_path: Path) -> None:
    """BLKZEROOUT for what must be zero, BLKDISCARD as a hint."""
    with blank_loop(tmp_path, 4 * MIB) as loop, Device.open(loop, writable=True) as device:
        device.zero(512, MIB)
        assert device.read(512, MIB) == bytes(MIB)
        assert device.read(0, 512) != bytes(512)
        device.discard(2 * MIB, MIB)
        device.flush()
        device.forget()
        buffer = allocate(512)
        device.read_into(buffer, 4 * MIB - 512)
        assert bytes(buffer) != bytes(512)


def test_a_full_disk_behind_the_target_stops_the_restore(golden: Golden, tmp_path: Path) -> None:
    """A sparse file on a file system that is too small for what it should hold."""
    image = capture_file(golden.path, "sda2_Service", partition=2)
    small = tmp_path / "small"
    small.mkdir()
    run("mount", "-t", "tmpfs", "-o", "size=1200k", "tmpfs", small)
    try:
        with (
            Device.create(small / "file", image.manifest.header.size) as target,
            pytest.raises(DeviceError, match="No space left"),
        ):
            Restore(lay(image.manifest, target.size), image.chunks, target).run()
        with (small / "file").open("rb") as file:
            assert "No space left" in reason_on(file.read(MIB))
    finally:
        run("umount", small)


def test_a_partition_is_not_taken_for_a_disk(golden: Golden, tmp_path: Path) -> None:
    """A partition's device node begins with a boot sector that looks like a table."""
    (tmp_path / "copy").write_bytes(golden.path.read_bytes())
    name = run("losetup", "--find", "--show", tmp_path / "copy").strip()
    try:
        first, count = golden.starts[1] // 512, golden.sizes[1] // 512
        run("addpart", name, "1", str(first), str(count))  # kernels without MBR support find none
        number = Path(f"/sys/class/block/{Path(name).name}p1/dev").read_text().split(":")
        node = tmp_path / "node"  # no device nodes can be made in a container
        os.mknod(node, stat.S_IFBLK | 0o600, os.makedev(*map(int, number)))
        image = capture_file(node, "sda1_Boot")
        assert image.manifest.header.kind is Kind.PARTITION
        with Device.open(Path(name)) as disk, pytest.raises(CaptureError, match="no partition 9"):
            capture(disk, Facts("sda9_No"), MemoryChunks(), partition=9)
    finally:
        run("delpart", name, "1")
        run("losetup", "--detach", name)


@pytest.mark.parametrize("kind", ["xfs", "btrfs", "ext2", "ext3", "exfat", "f2fs"])
def test_other_file_systems_come_back(kind: str, tmp_path: Path) -> None:
    """Only what is in use, and their own checkers agree."""
    makers = {
        "xfs": ("mkfs.xfs", "-q"), "btrfs": ("mkfs.btrfs", "-q"), "exfat": ("mkfs.exfat",),
        "f2fs": ("mkfs.f2fs", "-q"), "ext2": ("mkfs.ext2", "-q"), "ext3": ("mkfs.ext3", "-q"),
    }  # fmt: skip
    checkers = {
        "xfs": ("xfs_repair", "-n"), "btrfs": ("btrfs", "check"), "exfat": ("fsck.exfat", "-n"),
        "f2fs": ("fsck.f2fs", "--dry-run"), "ext2": ("e2fsck", "-fn"), "ext3": ("e2fsck", "-fn"),
    }  # fmt: skip
    size = 320 if kind == "xfs" else 128
    filesystems.blank(tmp_path / "fs", size)
    run(*makers[kind], tmp_path / "fs")
    image = capture_file(tmp_path / "fs", "sda5_Other")
    assert image.manifest.header.filesystems[0].type == kind
    assert image.count.bytes_read < size * MIB * 3 / 4
    with blank_loop(tmp_path, size * MIB) as loop:
        with Device.open(loop, writable=True) as target:
            Restore(lay(image.manifest, target.size), image.chunks, target).run()
        run(*checkers[kind], loop)


def test_an_unclean_xfs_is_refused(tmp_path: Path) -> None:
    """As it lies on the disk when the power fails."""
    filesystems.blank(tmp_path / "fs", 320)
    run("mkfs.xfs", "-q", tmp_path / "fs")
    place = tmp_path / "mounted"
    place.mkdir()
    run("mount", "-o", "loop", tmp_path / "fs", place)
    try:
        (place / "file").write_bytes(bytes(MIB))
        run("sync", "--file-system", place)
        run("cp", "--sparse=always", tmp_path / "fs", tmp_path / "cut")
    finally:
        run("umount", place)
    with pytest.raises(CaptureError, match="log must be replayed"):
        capture_file(tmp_path / "cut")
    assert capture_file(tmp_path / "cut", force=True).manifest.header.warnings
    assert not capture_file(tmp_path / "fs").manifest.header.warnings


def test_a_loop_device_is_gone_when_it_says_so(tmp_path: Path) -> None:
    """Also where it is still written to, as a file system does that is mounted elsewhere too."""
    path = tmp_path / "disk"
    filesystems.blank(path, 1)
    with loop_device(path, 0, MIB, writable=True) as loop:
        late = os.open(loop, os.O_WRONLY)
        detached = Path(f"/sys/class/block/{loop.name}/loop/autoclear")
        writer = threading.Thread(target=write_late, args=(late, detached))
        writer.start()
    assert path.read_bytes().startswith(b"late")
    writer.join()


def test_a_file_system_that_stays_in_use_stays_as_it_is(tmp_path: Path) -> None:
    """Taking its folder away would take its files away."""
    path, whole = tmp_path / "fs", Bounds(0, 16 * MIB)
    filesystems.ext4(path, 16, UUID.format(9))
    with ExitStack() as users:
        with pytest.raises(ToolError, match="umount"):
            leave_in_use(path, whole, users)
        place = Path(run("findmnt", "-no", "TARGET", "--source", loop_of(path)).strip())
        assert (place / "precious").read_text() == "kept"
    run("umount", str(place))
    place.rmdir()
    with mounted_part(path, whole, read_only=True) as place:
        assert (place / "precious").read_text() == "kept"


def leave_in_use(path: Path, whole: Bounds, users: ExitStack) -> None:
    """Write a file and keep it open."""
    with mounted_part(path, whole) as place:
        (place / "precious").write_text("kept")
        users.enter_context((place / "precious").open())


def loop_of(path: Path) -> str:
    """The loop device over a file."""
    return run("losetup", "--noheadings", "--output", "NAME", "--associated", str(path)).strip()


def test_what_an_image_brings_is_data(tmp_path: Path) -> None:
    """Its device nodes are none here, and its programs do not run."""
    filesystems.ext4(tmp_path / "fs", 16, UUID.format(9))
    with mounted_part(tmp_path / "fs", Bounds(0, 16 * MIB)) as place:
        options = run("findmnt", "-no", "OPTIONS", str(place)).strip().split(",")
    assert {"rw", "nodev", "nosuid", "noexec"} <= set(options)


def write_late(device: int, detached: Path) -> None:
    """Write to a loop device once it is only waiting for its last user to leave."""
    try:
        until(lambda: detached.read_text().strip() == "1", Deadline.within(30), "losetup --detach")
        os.write(device, b"late")
    finally:
        os.close(device)

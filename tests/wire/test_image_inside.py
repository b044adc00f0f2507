"""Looking into images: mounted by FUSE, a loop device and a real driver; compared by file; repaired."""

from __future__ import annotations

import os
import random
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from initramfs.imaging.capture.capture import Facts
from initramfs.imaging.format.manifest import Manifest
from initramfs.imaging.label.model import Bare
from provisioner.base.errors import ProvisionerError
from provisioner.base.home import Home
from provisioner.images.browse import mounting
from provisioner.images.diff import Outside, changed, diff_partitions
from provisioner.images.diff_files import FileDiff, Tree, diff_trees
from provisioner.images.operations import Options, add_image, load
from provisioner.images.repair import repair
from provisioner.images.verify import verify_chunks
from provisioner.security.keys import create_keys, load_private_key, load_public_key
from provisioner.stores.directory.store import DirectoryStore
from tests.images import filesystems
from tests.images.disk import Slot, insert, partition
from tests.images.in_memory import MIB
from tests.lab.command import run

pytestmark = [
    pytest.mark.wire,
    pytest.mark.root,
    pytest.mark.skipif(os.geteuid() != 0, reason="mounting needs root"),
    pytest.mark.skipif(not Path("/dev/fuse").exists(), reason="there is no /dev/fuse here"),
]

UUID = "0b1f2f6a-3c8e-4b5e-9d53-0f5d2b7c1a11"


@dataclass
class Site:
    """A home with keys and a store."""

    home: Path

    @property
    def store(self) -> DirectoryStore:
        """Its store."""
        return DirectoryStore(Home(self.home).store)

    def add(self, source: Path, name: str) -> Manifest:
        """Capture."""
        key = load_private_key(self.home)
        reference, _, _ = add_image(self.store, key, source, Facts(name), Options())
        return load(self.store, reference, load_public_key(self.home))


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """Nothing stays behind: no mount, no loop device, no process."""
    create_keys(tmp_path / "home")
    yield Site(tmp_path / "home")
    left = [line for line in Path("/proc/self/mountinfo").read_text().splitlines() if str(tmp_path) in line]
    assert not left
    assert str(tmp_path) not in run("losetup", "--list", "--noheadings", "--output", "BACK-FILE")


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Files to find again."""
    folder = tmp_path / "tree"
    (folder / "etc").mkdir(parents=True)
    (folder / "etc" / "hostname").write_text("golden\n")
    for number in range(20):
        (folder / f"file{number}").write_bytes(random.Random(number).randbytes(300_000))
    (folder / "link").symlink_to("etc/hostname")
    return folder


def contents(folder: Path) -> dict[str, bytes]:
    """Every regular file."""
    files = (path for path in sorted(folder.rglob("*")) if path.is_file() and not path.is_symlink())
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def make(kind: str, path: Path, tree: Path) -> None:
    """A file system with the files of ``tree``."""
    match kind:
        case "ext4":
            filesystems.ext4(path, 32, UUID, tree)
        case "ntfs":
            flat = path.with_suffix(".flat")
            shutil.copytree(tree, flat, ignore=shutil.ignore_patterns("etc", "link"))
            filesystems.ntfs(path, 32, 2048, flat)
        case "xfs":
            filesystems.blank(path, 320)
            run("mkfs.xfs", "-q", path)
            fill(path, tree)
        case "btrfs":
            filesystems.blank(path, 160)
            run("mkfs.btrfs", "-q", "--rootdir", tree, path)


def fill(path: Path, tree: Path) -> None:
    """Copy files into a file system that a driver can mount."""
    point = path.with_suffix(".mnt")
    point.mkdir(exist_ok=True)
    run("mount", "-o", "loop", path, point)
    try:
        shutil.copytree(tree, point, symlinks=True, dirs_exist_ok=True)
    finally:
        run("umount", point)


@pytest.mark.parametrize("kind", ["ext4", "ntfs", "xfs", "btrfs"])
def test_an_image_can_be_looked_into(site: Site, tree: Path, tmp_path: Path, kind: str) -> None:
    """Every file as it was; nothing can be written; afterwards nothing is left."""
    make(kind, tmp_path / kind, tree)
    image = site.add(tmp_path / kind, "sda5_Data")
    with mounting.mounted_image(site.home, image.header, None) as point:
        expected = contents(tree) if kind != "ntfs" else contents(tmp_path / "ntfs.flat")
        assert contents(point) == expected
        with pytest.raises(OSError, match="Read-only"):
            (point / "new").write_text("x")
        with pytest.raises(ProvisionerError, match="no image is mounted"):
            mounting.unmount(tmp_path)


def test_a_partition_of_a_disk_is_mounted_by_its_number(site: Site, tree: Path, tmp_path: Path) -> None:
    """Others, and disks without a number, are refused with what there is."""
    disk = tmp_path / "disk"
    starts = partition(disk, 48, "label: dos", (Slot(1, 4, "83"), Slot(2, 32, "83")))
    make("ext4", tmp_path / "part", tree)
    insert(disk, starts[2], tmp_path / "part")
    image = site.add(disk, "sda_Disk")
    with mounting.mounted_image(site.home, image.header, 2) as point:
        assert (point / "etc" / "hostname").read_text() == "golden\n"
    for number, reason in (
        (None, "is the image of a disk"),
        (7, "is the image of a disk"),
        (1, "no file system"),
    ):
        with pytest.raises(ProvisionerError, match=reason):
            mounting.mount(site.home, image.header, number, tmp_path)


def test_a_corrupt_chunk_is_an_error_for_who_reads_it(site: Site, tree: Path, tmp_path: Path) -> None:
    """And for nobody else."""
    make("ext4", tmp_path / "part", tree)
    image = site.add(tmp_path / "part", "sda5_Data")
    victims = [item for item in image.index if any(item.digest)][3:]
    for victim in victims:
        site.store.chunk_path(victim.digest).write_bytes(b"garbage")
    with mounting.mounted_image(site.home, image.header, None) as point:
        assert (point / "etc").is_dir()
        with pytest.raises(OSError, match="Input/output"):
            contents(point)


def test_files_that_differ_are_named(site: Site, tree: Path, tmp_path: Path) -> None:
    """Added, removed, changed in content or mode, with sizes; what has only been touched is not."""
    part = tmp_path / "part"
    make("ext4", part, tree)
    old = site.add(part, "sda5_Data")
    edit(part)
    new = site.add(part, "sda5_Data")
    assert differences(site, old, new) == [
        FileDiff("changed", "etc", 0, 0),
        FileDiff("changed", "etc/hostname", 7, 8),
        FileDiff("removed", "file1", 300_000, 0),
        FileDiff("changed", "file2", 300_000, 300_000),
        FileDiff("changed", "link", 0, 0),
        FileDiff("added", "new", 0, 5),
    ]
    assert differences(site, new, new) == []
    (part_diff,) = diff_partitions(old, new)
    assert (part_diff.number, part_diff.filesystem, part_diff.different) == (Bare.BARE, "ext4", True)
    assert 0 < part_diff.chunks_added < 10
    assert part_diff.same > 2 * MIB


def edit(part: Path) -> None:
    """What an administrator does to a golden system."""
    point = part.with_suffix(".mnt")
    point.mkdir()
    run("mount", "-o", "loop", part, point)
    try:
        (point / "etc" / "hostname").write_text("golden2\n")
        (point / "etc").chmod(0o700)
        (point / "file1").unlink()
        with (point / "file2").open("r+b") as file:
            file.seek(200_000)
            file.write(b"patched")
        os.utime(point / "file2", (1, 1))
        os.utime(point / "file3", (1, 1))
        (point / "link").unlink()
        (point / "link").symlink_to("etc/other")
        (point / "new").write_text("fresh")
    finally:
        run("umount", point)


def differences(site: Site, old: Manifest, new: Manifest) -> list[FileDiff]:
    """By file."""
    was, now = changed(old, new, Bare.BARE)
    with (
        mounting.mounted_image(site.home, old.header, None) as before,
        mounting.mounted_image(site.home, new.header, None) as after,
    ):
        return list(diff_trees(Tree(before, was), Tree(after, now)))


def test_unchanged_files_are_not_read(site: Site, tree: Path, tmp_path: Path) -> None:
    """Their chunks are not even needed: they lie in the same blocks of chunks with the same hashes."""
    part, big = tmp_path / "part", random.Random(9).randbytes(5 * MIB)
    (tree / "big").write_bytes(big)
    make("ext4", part, tree)
    old, new = site.add(part, "sda5_Data"), site.add(part, "sda5_Data")
    place = part.read_bytes().index(big[5 * MIB // 2 :][:1000])
    victim = next(item for item in old.index if item.offset <= place < item.end)
    site.store.chunk_path(victim.digest).unlink()
    assert differences(site, old, new) == []


def test_the_command_tells_both(site: Site, tree: Path, tmp_path: Path) -> None:
    """As people call it: mount, look, umount, diff."""
    part, point = tmp_path / "part", tmp_path / "point"
    point.mkdir()
    make("ext4", part, tree)
    site.add(part, "sda5_Data")
    edit(part)
    site.add(part, "sda5_Data")
    clonesys(site, "image", "mount", "sda5_Data@1", str(point))
    assert (point / "etc" / "hostname").read_text() == "golden\n"
    clonesys(site, "image", "umount", str(point))
    assert not list(point.iterdir())
    said = clonesys(site, "image", "diff", "sda5_Data@1", "sda5_Data@2")
    assert "~ /etc/hostname  7 B -> 8 B" in said
    assert "+ /new  0 B -> 5 B" in said
    assert '"how": "removed"' in clonesys(site, "image", "diff", "sda5_Data@1", "sda5_Data@2", "--json")


def clonesys(site: Site, *words: str) -> str:
    """One command."""
    return run(Path(sys.executable).with_name("clonesys"), "--home", site.home, *words)


@pytest.mark.parametrize("origin", ["store", "device"])
def test_bad_chunks_are_repaired(site: Site, tree: Path, tmp_path: Path, origin: str) -> None:
    """From another store, or from the disk that still holds the data; the bad ones are kept aside."""
    part = tmp_path / "part"
    make("ext4", part, tree)
    image = site.add(part, "sda5_Data")
    copy = tmp_path / "copy"
    shutil.copytree(site.store.root, copy)
    digests = sorted(site.store.chunks())
    site.store.chunk_path(digests[0]).write_bytes(b"garbage")
    site.store.chunk_path(digests[1]).unlink()
    bad = verify_chunks(site.store, [image])
    assert (len(bad.corrupt), len(bad.missing)) == (1, 1)
    found = repair(site.store, digests[:2], [image], DirectoryStore(copy) if origin == "store" else part)
    assert found == set(digests[:2])
    assert verify_chunks(site.store, [image]).ok
    assert [path.name for path in site.store.places.corrupt.iterdir()] == [digests[0].hex()]


def test_what_cannot_be_repaired_stays_as_it_is(site: Site, tree: Path, tmp_path: Path) -> None:
    """A source with other content, or a store whose copy is bad too, brings nothing."""
    part = tmp_path / "part"
    make("ext4", part, tree)
    image = site.add(part, "sda5_Data")
    victim = next(item.digest for item in image.index if any(item.digest))
    copy = tmp_path / "copy"
    shutil.copytree(site.store.root, copy)
    for root in (site.store.root, copy):
        DirectoryStore(root).chunk_path(victim).write_bytes(b"garbage")
    filesystems.blank(tmp_path / "other", 32)
    for origin in (DirectoryStore(copy), tmp_path / "other"):
        assert repair(site.store, [victim], [image], origin) == set()
    assert site.store.fetch(victim) == b"garbage"


def test_a_disks_differences_are_told_by_partition(site: Site, tmp_path: Path) -> None:
    """Also what lies outside of partitions."""
    disk = tmp_path / "disk"
    partition(disk, 48, "label: dos", (Slot(1, 4, "83"), Slot(2, 32, "83")))
    old = site.add(disk, "sda_Disk")
    with disk.open("r+b") as file:
        file.write(b"boot code")
        file.seek(7 * MIB)
        file.write(b"data")
    new = site.add(disk, "sda_Disk")
    assert [part.number for part in diff_partitions(old, new) if part.different] == [Outside.OUTSIDE, 2]

"""Capturing without swap, page and hibernation files: their content is left out, and nothing else."""

from __future__ import annotations

import random
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from initramfs.imaging.errors import CaptureError
from initramfs.imaging.filesystem.swap_files import LINUX, fstab_swap_files
from initramfs.imaging.format.index import State
from tests.images import filesystems
from tests.images.in_memory import MIB, Captured, capture_file, restore_file
from tests.images.swap import MARK, PAGE, SECTOR, assert_only_memory_is_gone, hibernate, memory, swap_file
from tests.lab.command import run

SIZE = 48
SWAP = 6 * MIB
UUID = "0b1f2f6a-3c8e-4b5e-9d53-0f5d2b7c1a11"
NOISE = random.Random(4)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A folder as the root of a small Linux: files of all sizes, and /swapfile among them."""
    folder = tmp_path / "tree"
    (folder / "etc").mkdir(parents=True)
    (folder / "etc/fstab").write_text("UUID=1 / ext4 defaults 0 1\n/swapfile none swap sw 0 0\n")
    for number in range(20):
        (folder / f"before{number}").write_bytes(NOISE.randbytes(NOISE.randrange(90_000)))
    swap_file(folder / "swapfile", SWAP)
    for number in range(20):
        (folder / f"zz{number}").write_bytes(NOISE.randbytes(NOISE.randrange(90_000)))
    return folder


def ext4(tmp_path: Path, tree: Path, kind: str = "ext4") -> Path:
    """An ext with that content, as a file."""
    path = tmp_path / "fs"
    filesystems.ext4(path, SIZE, UUID, tree, kind)
    return path


def restored(image: Captured, target: Path, *, used: bool = False) -> Path:
    """The image on a new target, or on one that holds something of an earlier life."""
    if used:
        target.write_bytes(memory(image.manifest.header.size))
    restore_file(image, target)
    return target


def dumped(image: Path, name: str) -> bytes:
    """A file of an ext, without mounting it."""
    out = image.with_name("dumped")
    out.unlink(missing_ok=True)
    run("debugfs", "-R", f"dump {name} {out}", image)
    return out.read_bytes()


@pytest.mark.parametrize("kind", ["ext2", "ext3", "ext4"])
def test_the_content_of_a_swap_file_is_left_out(kind: str, tree: Path, tmp_path: Path) -> None:
    """Less is read and sent; all files but it are the same, and it is a swap area of zeros."""
    source = ext4(tmp_path, tree, kind)
    full, lean = capture_file(source), capture_file(source, without_swap=True)
    assert full.count.bytes_read - lean.count.bytes_read >= SWAP - PAGE - 2 * 64 * 1024
    assert lean.count.bytes_sent < full.count.bytes_sent
    target = restored(lean, tmp_path / "target", used=True)
    run("e2fsck", "-fn", target)
    content = (tree / "swapfile").read_bytes()
    assert dumped(target, "/swapfile") == content[:PAGE] + bytes(SWAP - PAGE)
    assert 'TYPE="swap"' in run("blkid", "-p", target.with_name("dumped"))
    for path in tree.glob("*[0-9]"):
        assert dumped(target, f"/{path.name}") == path.read_bytes()


def test_no_sector_of_anything_else_is_lost(tree: Path, tmp_path: Path) -> None:
    """Sector by sector, metadata included; all of the swap file but its first page."""
    source = ext4(tmp_path, tree)
    full = restored(capture_file(source), tmp_path / "full")
    lean = restored(capture_file(source, without_swap=True), tmp_path / "lean")
    assert assert_only_memory_is_gone(full, lean) == (SWAP - PAGE) // SECTOR


def test_nothing_changes_without_being_asked(tree: Path, tmp_path: Path) -> None:
    """A swap file is a file like others."""
    image = capture_file(ext4(tmp_path, tree))
    assert not image.manifest.header.warnings
    assert dumped(restored(image, tmp_path / "target"), "/swapfile") == (tree / "swapfile").read_bytes()


def test_the_image_says_what_was_left_out(tree: Path, tmp_path: Path) -> None:
    """Which file, of which file system, and how much; the zeros are records, not chunks."""
    image = capture_file(ext4(tmp_path, tree), without_swap=True).manifest
    assert image.header.warnings == ("ext4 at byte 0: /swapfile left out, 6 MiB",)
    zeros = sum(item.length for item in image.index if item.state is State.ZERO)
    assert zeros >= SWAP - 2 * MIB
    (system,) = image.header.filesystems
    (full,) = capture_file(tmp_path / "fs").manifest.header.filesystems
    assert full.used - system.used == SWAP - PAGE


def test_swap_files_of_an_fstab_are_found(tree: Path, tmp_path: Path) -> None:
    """Wherever they lie; each once."""
    (tree / "data").mkdir()
    swap_file(tree / "data/more", MIB)
    with (tree / "etc/fstab").open("a") as file:
        file.write(
            "/data/more none swap sw,pri=5 0 0\n/data/more none swap sw 0 0\n/data/gone none swap sw 0 0\n"
        )
    warnings = capture_file(ext4(tmp_path, tree), without_swap=True).manifest.header.warnings
    assert [warning.partition(": ")[2] for warning in warnings] == [
        "/swapfile left out, 6 MiB",
        "/data/more left out, 1 MiB",
    ]


def test_an_fstab_is_read_carefully() -> None:
    """Devices, other file systems, comments, and names that a tool could misunderstand are not asked for."""
    text = """\
    # /comment none swap sw 0 0
    /dev/sda5 none swap sw 0 0
    UUID=123 none swap sw 0 0
    /srv/data /mnt none bind 0 0
    /with\\040space none swap sw 0 0
    /quote" none swap sw 0 0
    /semi;colon none swap sw 0 0
    /new$(line) none swap sw 0 0
    relative none swap sw 0 0
    /good-1.img none swap sw 0 0
    """
    assert list(fstab_swap_files(text + f"/{'x' * 300} none swap sw 0 0")) == ["/good-1.img"]


def test_what_is_no_swap_area_is_kept(tree: Path, tmp_path: Path) -> None:
    """A name says nothing: a file without the header, a folder, a link, an empty file."""
    (tree / "swapfile").write_bytes(memory(SWAP))
    (tree / "swap.img").symlink_to("zz1")
    (tree / "swap").mkdir()
    (tree / "var").mkdir()
    (tree / "var/swap").touch()
    source = ext4(tmp_path, tree)
    full, lean = capture_file(source), capture_file(source, without_swap=True)
    assert lean.manifest.header.warnings == ("ext4 at byte 0: /swapfile kept: it holds no swap area",)
    assert list(lean.manifest.index) == list(full.manifest.index)


@pytest.mark.parametrize(
    ("flag", "said"), [(0, "left out"), (0x800, "kept: it is encoded"), (0x100000, "kept: it is encoded")]
)
def test_a_file_that_is_encoded_is_kept(flag: int, said: str, tree: Path, tmp_path: Path) -> None:
    """Encrypted, or with fs-verity's tree behind its end: its blocks are told, but mean something else."""
    source = ext4(tmp_path, tree)
    run("debugfs", "-w", "-R", f"set_inode_field /swapfile flags {0x80000 | flag}", source)
    (warning,) = capture_file(source, without_swap=True).manifest.header.warnings
    assert said in warning


def test_a_map_that_contradicts_the_file_is_believed(tree: Path, tmp_path: Path) -> None:
    """A file with blocks that are marked free: others may have them."""
    source = ext4(tmp_path, tree)
    block = run("debugfs", "-R", f"bmap /swapfile {SWAP // 1024 - 1}", source).strip()
    other = run("debugfs", "-R", f"ffb 1 {block}", source).split()[-1]  # partclone counts
    run("debugfs", "-w", "-f", "-", source, stdin=f"freeb {block}\nsetb {other}\n")
    image = capture_file(source, without_swap=True)
    assert image.manifest.header.warnings == (
        "ext4 at byte 0: /swapfile kept: the map of used blocks says that parts of it are free",
    )


def test_a_hibernated_linux_starts_cold(tree: Path, tmp_path: Path) -> None:
    """The signature stays, for swapon and the kernel to put back; what they would wake up to is gone."""
    hibernate(tree / "swapfile")
    image = capture_file(ext4(tmp_path, tree), without_swap=True)
    assert "will start cold" in image.manifest.header.warnings[0]
    target = restored(image, tmp_path / "target")
    content = (tree / "swapfile").read_bytes()
    assert dumped(target, "/swapfile") == content[:PAGE] + bytes(SWAP - PAGE)
    assert 'TYPE="swsuspend"' in run("blkid", "-p", target.with_name("dumped"))


def test_what_is_kept_whole_by_force_keeps_its_swap_files(tree: Path, tmp_path: Path) -> None:
    """A file system that was not left in order does not know where its files lie."""
    source = ext4(tmp_path, tree)
    run("debugfs", "-w", "-R", "feature needs_recovery", source)
    image = capture_file(source, force=True, without_swap=True)
    assert ["journal" in warning for warning in image.manifest.header.warnings] == [True]
    assert restored(image, tmp_path / "target").read_bytes() == source.read_bytes()


def test_a_second_restore_over_a_used_swap_file_clears_it(tree: Path, tmp_path: Path) -> None:
    """Zeros are part of the image: the memory of who used the machine is gone from the disk."""
    image = capture_file(ext4(tmp_path, tree), without_swap=True)
    target = restored(image, tmp_path / "target", used=True)
    assert MARK not in dumped(target, "/swapfile")[PAGE:]


# --- NTFS ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Windows:
    """An NTFS as a file, and what its files hold."""

    path: Path
    files: dict[str, bytes]


@pytest.fixture
def windows(tmp_path: Path) -> Windows:
    """As Windows leaves it after hibernating; its files are copied in one after the other."""
    files = {"kernel.bin": NOISE.randbytes(700_001), "pagefile.sys": memory(4 * MIB)}
    files |= {"user.dat": NOISE.randbytes(33_333), "swapfile.sys": memory(MIB)}
    files |= {"last.bin": NOISE.randbytes(123_456), "hiberfil.sys": b"hibr" + memory(2 * MIB)[4:]}
    empty = tmp_path / "empty"
    empty.mkdir()
    path = tmp_path / "ntfs"
    filesystems.ntfs(path, SIZE, 2048, empty)
    for name, content in files.items():  # hiberfil.sys last: then it is not written to any more
        (tmp_path / name).write_bytes(content)
        run("ntfscp", "-q", path, tmp_path / name, name)
    return Windows(path, files)


def ntfs_file(image: Path, name: str) -> bytes:
    """A file of an NTFS, without mounting it."""
    out = image.with_name("ntfs-file")
    run("sh", "-c", 'ntfscat -f "$0" "$1" > "$2"', image, name, out)
    return out.read_bytes()


def test_windows_page_and_hibernation_files_are_left_out(windows: Windows, tmp_path: Path) -> None:
    """All of them are zeros; Windows starts cold and makes new ones. Everything else is the same."""
    lean = capture_file(windows.path, without_swap=True)
    assert [warning.partition(": ")[2] for warning in lean.manifest.header.warnings] == [
        "/pagefile.sys left out, 4 MiB",
        "/swapfile.sys left out, 1 MiB",
        "/hiberfil.sys left out, 2 MiB; a hibernated system lies in it, which will start cold",
    ]
    target = restored(lean, tmp_path / "target", used=True)
    run("ntfsfix", "--no-action", target)
    for name, content in windows.files.items():
        expected = bytes(len(content)) if name.endswith(".sys") else content
        assert ntfs_file(target, name) == expected, name


def wake(windows: Windows) -> None:
    """Windows was shut down for good: nothing would go on from what hiberfil.sys still holds."""
    with windows.path.open("r+b") as file:
        content = file.read()
        file.seek(content.index(b"hibr" + MARK[4:]))
        file.write(MARK[:4])


def test_a_hibernated_windows_is_refused(windows: Windows) -> None:
    """Fast Startup hibernates it too. What it remembers of its disk would be wrong on every other one."""
    with pytest.raises(CaptureError, match=r"was not left in order: Windows is hibernated") as refused:
        capture_file(windows.path)
    assert "shutdown /s /t 0" in refused.value.hint
    assert "Windows is hibernated" in capture_file(windows.path, force=True).manifest.header.warnings[0]
    wake(windows)
    assert not capture_file(windows.path).manifest.header.warnings


def test_no_sector_of_anything_else_is_lost_on_ntfs(windows: Windows, tmp_path: Path) -> None:
    """Told by the mark in each sector of the files that are left out."""
    wake(windows)
    full, lean = capture_file(windows.path), capture_file(windows.path, without_swap=True)
    assert full.count.bytes_read - lean.count.bytes_read > 6 * MIB
    full_disk, lean_disk = restored(full, tmp_path / "full"), restored(lean, tmp_path / "lean")
    assert assert_only_memory_is_gone(full_disk, lean_disk) == 7 * MIB // SECTOR


# --- any file system -------------------------------------------------------------------------------------


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    kind=st.sampled_from(["ext2", "ext4", "ntfs"]),
    sizes=st.lists(st.integers(0, 300_000), max_size=12),
    swap=st.integers(10, 300),
    chunk_size=st.sampled_from([1 << 16, 1 << 18, 1 << 20]),
    seed=st.integers(0, 1 << 30),
)
def test_no_other_file_ever_loses_a_sector(
    kind: str, sizes: list[int], swap: int, chunk_size: int, seed: int
) -> None:
    """Whatever lies around the swap file, however chunks are cut."""
    rng = random.Random(seed)
    with tempfile.TemporaryDirectory(dir="/dev/shm", prefix="disks-") as name:
        folder = Path(name)
        tree = folder / "tree"
        tree.mkdir()
        for number, size in enumerate(sizes):
            (tree / f"{rng.choice('aoz')}{number}").write_bytes(rng.randbytes(size))
        if kind == "ntfs":
            (tree / "pagefile.sys").write_bytes(memory(swap * PAGE))
            filesystems.ntfs(folder / "fs", 24, 2048, tree)
        else:
            swap_file(tree / "swapfile", swap * PAGE)
            filesystems.ext4(folder / "fs", 24, UUID, tree, kind)
        images = [
            capture_file(folder / "fs", chunk_size=chunk_size, without_swap=without)
            for without in (False, True)
        ]
        full, lean = restored(images[0], folder / "full"), restored(images[1], folder / "lean")
        kept = 0 if kind == "ntfs" else PAGE
        assert assert_only_memory_is_gone(full, lean) == (swap * PAGE - kept) // SECTOR


def test_the_tools_are_there() -> None:
    """A missing one must fail here."""
    assert all(shutil.which(name) for name in ("debugfs", "ntfsinfo", "xfs_db"))
    assert "/swapfile" in LINUX

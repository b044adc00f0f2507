"""The image's files while they are put together."""

import shutil
import subprocess
from pathlib import Path

import pytest

from initramfs.builder import archive, tree
from initramfs.builder.errors import ContentError

ENV = Path("/usr/bin/env")
LIBRARIES = "usr/lib/x86_64-linux-gnu"
LOADERS = "usr/lib64"
FOLDERS = (LIBRARIES, LOADERS, "usr/lib")


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A package that ships files in ``/sbin`` and ``/usr/share``, as Debian 12's do."""
    root = tmp_path / "root"
    for path in ("DEBIAN/control", "sbin/tool", "usr/share/doc/tool/README", "usr/bin/other"):
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(
            "Package: tool\nVersion: 1\nArchitecture: all\nMaintainer: a <a@b>\nDescription: x\n"
        )
    (root / "sbin/tool").chmod(0o755)
    (root / "sbin/alias").symlink_to("tool")
    file = tmp_path / "tool.deb"
    subprocess.run(["dpkg-deb", "--build", root, file], check=True, capture_output=True)
    return file


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """An empty image."""
    root = tmp_path / "tree"
    root.mkdir()
    tree.lay_out(root, LOADERS)
    return root


def test_packages_are_unpacked_into_merged_usr(package: Path, home: Path) -> None:
    """``/sbin`` is and stays a link; what is refused is not there."""
    tree.unpack(package, home, ["usr/share/*"])
    assert (home / "sbin").readlink() == Path("usr/sbin")
    assert (home / "usr/sbin/alias").readlink() == Path("tool")
    assert (home / "sbin/tool").stat().st_mode & 0o111
    assert not (home / "usr/share/doc").exists()


def test_undeclared_programs_go_and_missing_ones_are_named(package: Path, home: Path) -> None:
    """In both folders."""
    tree.unpack(package, home, [])
    tree.keep_programs(home, ["tool", "alias"])
    assert not (home / "usr/bin/other").exists()
    with pytest.raises(ContentError, match="other"):
        tree.keep_programs(home, ["tool", "other"])


def test_libraries_follow_their_users(home: Path) -> None:
    """What a program is linked with stays, also behind links; the rest goes; a gap is an error."""
    shelf = home / LIBRARIES
    shelf.mkdir()
    shutil.copy(ENV, home / "usr/bin/env")
    (shelf / "libc.so.6").symlink_to("libc-2.so")
    for name in ("libc-2.so", "libidle.so.1", "libextra.so.1"):
        (shelf / name).write_bytes(b"")
    tree.sweep_libraries(home, FOLDERS, ["libextra.so.1"])
    assert sorted(path.name for path in shelf.iterdir()) == ["libc-2.so", "libc.so.6", "libextra.so.1"]
    (shelf / "libc.so.6").unlink()
    with pytest.raises(ContentError, match=r"usr/bin/env needs libc\.so\.6"):
        tree.sweep_libraries(home, FOLDERS, [])


def test_links_that_lead_nowhere_are_found(home: Path) -> None:
    """Absolute targets are meant inside the image, whatever this machine has there."""
    (home / "usr/bin/good").symlink_to("/usr/bin/file")
    (home / "usr/bin/file").write_bytes(b"")
    (home / "usr/bin/bad").symlink_to("/usr/bin/env")
    assert tree.dangling(home) == ["usr/bin/bad"]


def test_entries_do_not_depend_on_who_unpacked(package: Path, home: Path) -> None:
    """Modes are folded; a script without its bit can be executed all the same."""
    tree.unpack(package, home, ["usr/share/*"])
    (home / "usr/bin/script").write_bytes(b"#!/usr/bin/python3\n")
    (home / "usr/sbin/tool").chmod(0o4711)
    found = {entry.path: entry for entry in tree.entries(home)}
    assert found["usr/bin/script"] == archive.file("usr/bin/script", b"#!/usr/bin/python3\n", executable=True)
    assert found["usr/sbin/tool"].mode == archive.file("x", b"", executable=True).mode
    assert found["sbin"] == archive.link("sbin", "usr/sbin")


def test_a_real_program_needs_what_the_loader_says() -> None:
    """The loader of this machine lists at least the libraries that we read from the file."""
    listed = subprocess.run(["ldd", ENV], capture_output=True, text=True, check=True).stdout
    needed = tree.needed(ENV.read_bytes())
    assert "libc.so.6" in needed
    assert all(name in listed for name in needed)


def test_what_is_not_elf_needs_nothing() -> None:
    """Scripts and texts are passed by."""
    assert tree.needed(b"#!/bin/sh\n") == []
    assert tree.needed(b"") == []

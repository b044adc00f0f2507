"""The image's files while they are being put together in a folder.

Small functions on a ``tree``, each one thing. Nothing of the packages is run. Must
not know why something is kept or dropped: that is ``image.toml``'s business.
"""

from __future__ import annotations

import shutil
import stat
import tarfile
from collections.abc import Iterable, Iterator
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath

from initramfs.builder import elf
from initramfs.builder.cpio import Entry
from initramfs.builder.errors import ContentError
from initramfs.builder.run import output_of

FOLDERS = (
    "dev",
    "etc",
    "mnt",
    "proc",
    "root",
    "run",
    "sys",
    "tmp",
    "var",
    "usr/bin",
    "usr/lib",
    "usr/lib64",
    "usr/sbin",
)
MERGED = ("bin", "lib", "lib64", "sbin")
"""Folders that are links into ``usr``; packages of Debian 12 still ship files in them."""
PROGRAMS = ("usr/bin", "usr/sbin")
LIBRARIES = "usr/lib/x86_64-linux-gnu"
LOADERS = "usr/lib64"
SCRIPT = b"#!"


def lay_out(tree: Path) -> None:
    """The empty folders that a system has, with merged ``/usr``."""
    for folder in FOLDERS:
        (tree / folder).mkdir(parents=True)
    for name in MERGED:
        (tree / name).symlink_to(f"usr/{name}")


def unpack(package: Path, tree: Path, refused: Iterable[str]) -> None:
    """Unpack a Debian package, except the paths that match a pattern of ``refused``."""
    patterns = tuple(refused)
    with (
        output_of(["dpkg-deb", "--fsys-tarfile", package]) as stream,
        tarfile.open(fileobj=stream, mode="r|") as archive,
    ):
        for member in archive:
            path = merged(member.name)
            if path and not any(fnmatchcase(path, pattern) for pattern in patterns):
                _place(archive, member, tree / path, tree)


def merged(name: str) -> str:
    """Where a package's file goes with merged ``/usr``: ``./sbin/ip`` → ``usr/sbin/ip``."""
    path = PurePosixPath(name)
    return f"usr/{path}" if path.parts[:1] and path.parts[0] in MERGED else str(path).removeprefix(".")


def _place(archive: tarfile.TarFile, member: tarfile.TarInfo, target: Path, tree: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if member.isdir():
        target.mkdir(exist_ok=True)
    elif member.issym():
        target.unlink(missing_ok=True)
        target.symlink_to(member.linkname)
    elif member.islnk():
        shutil.copyfile(tree / merged(member.linkname), target)
        target.chmod(member.mode)
    elif content := archive.extractfile(member):
        with target.open("wb") as file:
            shutil.copyfileobj(content, file)
        target.chmod(member.mode)


def keep_programs(tree: Path, names: Iterable[str]) -> None:
    """Drop every program but these. Raises ContentError naming those that are not there."""
    wanted = set(names)
    there = {path.name: path for folder in PROGRAMS for path in (tree / folder).iterdir()}
    if missing := sorted(wanted - there.keys()):
        raise ContentError(
            f"no package holds the programs {', '.join(missing)}",
            "see [programs] in initramfs/builder/image.toml",
        )
    for folder in PROGRAMS:
        for path in (tree / folder).iterdir():
            if path.name not in wanted:
                path.unlink()


def sweep_libraries(tree: Path, extra: Iterable[str]) -> None:
    """Drop every shared library that nothing asks for. Raises ContentError if a needed one is missing.

    ``extra`` are libraries that are loaded by name at run time.
    """
    homes = [tree / LIBRARIES, tree / LOADERS, tree / "usr/lib"]
    shelf = {path.name: path for home in reversed(homes) if home.is_dir() for path in home.glob("*.so*")}
    users = [path for path in _files(tree) if path.name not in shelf and path.suffix != ".ko"]
    waiting = [(name, "image.toml") for name in extra]
    waiting += [(name, str(path.relative_to(tree))) for path in users for name in _needed(path)]
    kept: set[Path] = set()
    while waiting:
        name, user = waiting.pop()
        if name not in shelf:
            raise ContentError(f"{user} needs {name}, which no package holds", "see [absent] in image.toml")
        found = shelf[name]
        if found not in kept:
            kept |= {found, found.resolve()}
            waiting += [(need, name) for need in _needed(found)]
    for path in shelf.values():
        if path not in kept:
            path.unlink()


def drop_empty_folders(tree: Path, below: str) -> None:
    """Remove the folders that other steps left empty."""
    for path in sorted((tree / below).rglob("*"), reverse=True):
        if path.is_dir() and not path.is_symlink() and not any(path.iterdir()):
            path.rmdir()


def dangling(tree: Path) -> list[str]:
    """Symbolic links that lead nowhere inside the image, as paths."""
    return sorted(
        str(path.relative_to(tree))
        for path in tree.rglob("*")
        if path.is_symlink() and not _follow(tree, path).exists()
    )


def entries(tree: Path) -> Iterator[Entry]:
    """The tree as archive entries. Modes are folded to what matters: may it be executed?"""
    for path in tree.rglob("*"):
        name = str(path.relative_to(tree))
        mode = path.lstat().st_mode
        if stat.S_ISLNK(mode):
            yield Entry(name, stat.S_IFLNK | 0o777, str(path.readlink()).encode())
        elif stat.S_ISDIR(mode):
            yield Entry(name, stat.S_IFDIR | (0o1777 if name == "tmp" else 0o755))
        else:
            data = path.read_bytes()
            executable = mode & stat.S_IXUSR or data.startswith(SCRIPT)
            yield Entry(name, stat.S_IFREG | (0o755 if executable else 0o644), data)


def _follow(tree: Path, path: Path) -> Path:
    """One step along a link, with the tree as the root of absolute targets."""
    target = path.readlink()
    return tree / target.relative_to("/") if target.is_absolute() else path.parent / target


def _files(tree: Path) -> Iterator[Path]:
    return (path for path in tree.rglob("*") if path.is_file() and not path.is_symlink())


def _needed(path: Path) -> list[str]:
    with path.open("rb") as file:
        if not elf.is_elf(file.read(len(elf.MAGIC))):
            return []
    return elf.needed(path.read_bytes())

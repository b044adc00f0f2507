"""The image's files while they are being put together in a folder.

Small functions on a ``tree``, each one thing. Nothing of the packages is run. Must
not know why something is kept or dropped: that is ``image.toml``'s business. Reads as much
of ELF (System V ABI, chapter 5) as it takes to keep the libraries that programs ask for.
"""

from __future__ import annotations

import shutil
import stat
import struct
import tarfile
from collections.abc import Iterable, Iterator, Sequence
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath

from initramfs.builder.archive import Entry
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
    "usr/sbin",
)
MERGED = ("bin", "lib", "lib64", "sbin")
"""Folders that are links into ``usr``, where there is such a folder; packages still ship files in them."""
PROGRAMS = ("usr/bin", "usr/sbin")
SCRIPT = b"#!"

ELF = b"\x7fELF\x02\x01"
"""64 bits, little-endian: the only kind that the image has."""
PT_LOAD, PT_DYNAMIC = 1, 2
DT_NULL, DT_NEEDED, DT_STRTAB = 0, 1, 5

Segment = tuple[int, int, int, int]
"""Type, offset in the file, address, size in the file."""


def lay_out(tree: Path, loaders: str) -> None:
    """The empty folders that a system has, with merged ``/usr``; ``loaders`` is the ELF interpreter's."""
    for folder in (*FOLDERS, loaders):
        (tree / folder).mkdir(parents=True)
    for name in MERGED:
        if (tree / "usr" / name).is_dir():
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


def sweep_libraries(tree: Path, folders: Sequence[str], extra: Iterable[str]) -> None:
    """Drop every shared library in ``folders`` that nothing asks for. Of two with one name, the first counts.

    ``extra`` are libraries that are loaded by name at run time. Raises ContentError if a
    needed one is missing.
    """
    shelf = {path.name: path for folder in reversed(folders) for path in (tree / folder).glob("*.so*")}
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
        if file.read(len(ELF)) != ELF:
            return []
    return needed(path.read_bytes())


def needed(data: bytes) -> list[str]:
    """The names of the libraries that an ELF file must be loaded with, as ``readelf -d`` shows them.

    Anything else needs none.
    """
    if not data.startswith(ELF):
        return []
    segments = list(_segments(data))
    tags = [tag for segment in segments if segment[0] == PT_DYNAMIC for tag in _tags(data, segment)]
    tables = [value for kind, value in tags if kind == DT_STRTAB]
    if not tables:
        return []
    strings = _offset(segments, tables[0])
    return [_string(data, strings + value) for kind, value in tags if kind == DT_NEEDED]


def _segments(data: bytes) -> Iterator[Segment]:
    (start,) = struct.unpack_from("<Q", data, 32)
    size, count = struct.unpack_from("<HH", data, 54)
    for index in range(count):
        kind, _flags, offset, address, _physical, length = struct.unpack_from(
            "<IIQQQQ", data, start + index * size
        )
        yield kind, offset, address, length


def _tags(data: bytes, segment: Segment) -> Iterator[tuple[int, int]]:
    _kind, offset, _address, length = segment
    for tag, value in struct.iter_unpack("<QQ", data[offset : offset + length]):
        if tag == DT_NULL:
            return
        yield tag, value


def _offset(segments: list[Segment], address: int) -> int:
    for kind, offset, start, length in segments:
        if kind == PT_LOAD and start <= address < start + length:
            return offset + address - start
    raise ValueError(f"address {address:#x} is in no segment of the file")


def _string(data: bytes, offset: int) -> str:
    return data[offset : data.index(b"\0", offset)].decode()

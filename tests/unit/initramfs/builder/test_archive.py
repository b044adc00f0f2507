"""The archive that the kernel unpacks."""

import stat
import subprocess
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from initramfs.builder import archive

NAMES = st.text("abc-.", min_size=1, max_size=6).filter(lambda name: name not in {".", ".."})


def test_busybox_unpacks_what_we_pack(tmp_path: Path) -> None:
    """Another implementation agrees: files, folders, links, modes."""
    entries = [
        archive.link("etc/link", "../usr/tool"),
        archive.directory("usr"),
        archive.file("usr/tool", b"#!/bin/sh\n", executable=True),
        archive.directory("etc"),
        archive.file("etc/odd", b"123"),
    ]
    packed = b"".join(archive.pack(entries))
    subprocess.run(["busybox", "cpio", "-i"], input=packed, cwd=tmp_path, check=True, capture_output=True)
    assert (tmp_path / "etc/link").read_bytes() == b"#!/bin/sh\n"
    assert (tmp_path / "etc/odd").read_bytes() == b"123"
    assert stat.S_IMODE((tmp_path / "usr/tool").stat().st_mode) == 0o755


@given(st.dictionaries(NAMES, st.binary(max_size=9), max_size=6), st.randoms())
def test_the_order_of_entries_does_not_matter(files: dict[str, bytes], random: object) -> None:
    """The same content gives the same bytes, in whatever order a file system lists it."""
    entries = [archive.file(name, data) for name, data in files.items()]
    mixed = list(entries)
    random.shuffle(mixed)  # type: ignore[attr-defined] # hypothesis gives a Random that replays
    assert b"".join(archive.pack(entries)) == b"".join(archive.pack(mixed))


def test_a_folder_comes_before_what_is_in_it() -> None:
    """The kernel does not make missing parents; ``a-b`` sorts before ``a/b`` as text."""
    entries = [archive.file("a/b", b""), archive.directory("a-b"), archive.directory("a")]
    packed = b"".join(archive.pack(entries))
    assert packed.index(b"a\0") < packed.index(b"a/b\0")


@given(st.binary(max_size=20))
def test_every_part_ends_on_a_multiple_of_four(data: bytes) -> None:
    """A next archive must begin there."""
    assert len(b"".join(archive.pack([archive.file("x", data)]))) % 4 == 0

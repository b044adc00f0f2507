"""What a program is linked with."""

import subprocess
from pathlib import Path

from initramfs.builder import elf

PROGRAM = Path("/usr/bin/env")


def test_a_real_program_needs_what_the_loader_says() -> None:
    """The loader of this machine lists at least the libraries that we read from the file."""
    listed = subprocess.run(["ldd", PROGRAM], capture_output=True, text=True, check=True).stdout
    needed = elf.needed(PROGRAM.read_bytes())
    assert "libc.so.6" in needed
    assert all(name in listed for name in needed)


def test_what_is_not_elf_needs_nothing() -> None:
    """Scripts and texts are passed by."""
    assert elf.needed(b"#!/bin/sh\n") == []
    assert elf.needed(b"") == []

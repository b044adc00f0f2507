"""The boot scripts, word for word, and what must not get into one."""

from __future__ import annotations

import pytest

from netboot import render
from netboot.errors import NetbootError
from netboot.model import Architecture, Kernel
from tests.clients.packets import DATA, HERE, client

BOOT = Kernel(
    "vmlinuz", ("initramfs.img", "site.img"), ("console=ttyS0", "clonesys.server=http://192.0.2.1:8080")
)


def golden(name: str) -> str:
    """An expected script."""
    return (DATA / "golden" / "boot" / name).read_text("utf-8")


def test_bootstrap() -> None:
    """The script that iPXE loads by TFTP."""
    assert render.bootstrap(HERE) == golden("bootstrap.ipxe")


def test_kernel() -> None:
    """A kernel with two initial RAM disks, which EFI wants named on the command line."""
    assert render.kernel(BOOT, client(), HERE) == golden("kernel.ipxe")


def test_local() -> None:
    """BIOS and UEFI are handed back to in different ways."""
    assert render.local(client(Architecture.BIOS)) == golden("local-bios.ipxe")
    assert render.local(client(Architecture.UEFI_X64)) == golden("local-uefi.ipxe")


@pytest.mark.parametrize("word", ["a b", "", "x\ny", "${net0/mac}", "&&", "||", "tab\t", "ü", "x\x00"])
def test_words_that_ipxe_would_misread_are_refused(word: str) -> None:
    """A script has no quotes: what is not one plain word cannot be written."""
    with pytest.raises(NetbootError, match="cannot stand in a boot script"):
        render.kernel(Kernel("vmlinuz", (), (word,)), client(), HERE)
    with pytest.raises(NetbootError, match="cannot stand in a boot script"):
        render.kernel(Kernel(word, (), ()), client(), HERE)


def test_words_with_odd_characters_are_kept() -> None:
    """What kernels take in a word comes through."""
    words = ("ip=a::b:c", 'x="q"', "a=$1", "b=&&c", "#no")
    assert " ".join(words) in render.kernel(Kernel("k", (), words), client(), HERE)

"""File names as firmware writes them."""

from __future__ import annotations

import pytest

from netboot.errors import ProtocolError
from netboot.tftp.names import is_probe, normalise


@pytest.mark.parametrize(
    ("asked", "name"),
    [
        ("snponly.efi", "snponly.efi"),
        ("/snponly.efi", "snponly.efi"),
        ("\\EFI\\BOOT\\grubx64.efi", "EFI/BOOT/grubx64.efi"),
        ("//pxe/./undionly.kpxe", "pxe/undionly.kpxe"),
    ],
)
def test_names_are_normalised(asked: str, name: str) -> None:
    """Slashes of all kinds mean the same."""
    assert normalise(asked) == name


@pytest.mark.parametrize("asked", ["", "/", "../etc/passwd", "a/../../b", "..\\x", "a\nb", "\x7f"])
def test_names_that_climb_are_refused(asked: str) -> None:
    """Nothing outside of the boot files can be named."""
    with pytest.raises(ProtocolError, match="refused file name"):
        normalise(asked)


@pytest.mark.parametrize(
    "name",
    [
        "revocations_sbat.efi",
        "shim_certificate_0.efi",
        "boot/grub/x86_64-efi/command.lst",
        "grub.cfg-01-52-54-00-00-00-01",
        "pxelinux.cfg/default",
        "AUTOEXEC.IPXE",
        "bootcode.bin",
    ],
)
def test_probes(name: str) -> None:
    """What loaders try on the chance is told from what is really missed."""
    assert is_probe(name)
    assert not is_probe("snponly.efi")
    assert not is_probe("vmlinuz")

"""File names as firmware writes them, and the content behind them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from netboot import render
from netboot.booter import StaticBooter
from netboot.errors import ProtocolError
from netboot.tftp import files
from netboot.tftp.files import is_probe, normalise
from tests.clients.packets import HERE

if TYPE_CHECKING:
    from pathlib import Path


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


def test_scripts_are_generated(tmp_path: Path) -> None:
    """Both names of the bootstrap, whatever lies in the folder."""
    (tmp_path / "boot.ipxe").write_text("not this", "utf-8")
    for name in ("boot.ipxe", "autoexec.ipxe", "Boot.iPXE"):
        found = files.find(name, StaticBooter((tmp_path,)), HERE)
        assert isinstance(found, files.Text)
        assert found.read(0, found.size) == render.bootstrap(HERE).encode()


def test_files_keep_their_size(tmp_path: Path) -> None:
    """A file that is replaced during a transfer is still the one that was opened."""
    path = tmp_path / "snponly.efi"
    path.write_bytes(b"0123456789")
    found = files.find("SNPONLY.EFI", StaticBooter((tmp_path,)), HERE)
    assert isinstance(found, files.File)
    path.unlink()
    path.write_bytes(b"new")
    assert (found.size, found.read(8, 5), found.read(10, 5)) == (10, b"89", b"")
    found.close()


def test_what_is_no_file_is_not_found(tmp_path: Path) -> None:
    """Missing names and directories."""
    (tmp_path / "folder").mkdir()
    for name in ("missing", "folder"):
        assert files.find(name, StaticBooter((tmp_path,)), HERE) is None

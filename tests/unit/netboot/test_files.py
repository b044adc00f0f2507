"""What clients get by TFTP: generated scripts and files, in any case of letters."""

from __future__ import annotations

from typing import TYPE_CHECKING

from netboot import files, render
from netboot.static import StaticBooter
from tests.clients.packets import HERE

if TYPE_CHECKING:
    from pathlib import Path


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

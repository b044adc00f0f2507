"""``clonesys image capture --without-swap``, as people call it."""

from __future__ import annotations

from pathlib import Path

from tests.images import filesystems
from tests.images.image_command import Appliance
from tests.images.in_memory import MIB
from tests.images.swap import PAGE, SECTOR, assert_only_memory_is_gone, swap_file

SWAP = 4 * MIB


def test_an_image_without_swap_says_so_and_is_smaller(appliance: Appliance, tmp_path: Path) -> None:
    """Beside one with it: fewer chunks, a warning for people, and a disk that differs there alone."""
    tree = tmp_path / "tree"
    tree.mkdir()
    (tree / "kept").write_bytes(bytes(range(256)) * 1000)
    swap_file(tree / "swapfile", SWAP)
    filesystems.ext4(tmp_path / "root", 24, "0b1f2f6a-3c8e-4b5e-9d53-0f5d2b7c1a11", tree)
    appliance.call("capture", tmp_path / "root", "sda5_Lean", "--without-swap")
    appliance.call("capture", tmp_path / "root", "sda5_Full")
    full, lean = appliance.show("sda5_Full"), appliance.show("sda5_Lean")
    assert full["data"] - lean["data"] > SWAP - MIB
    assert (full["warnings"], lean["warnings"]) == ([], ["ext4 at byte 0: /swapfile left out, 4 MiB"])
    assert "/swapfile left out" in appliance.call("show", "sda5_Lean")
    for name in ("Full", "Lean"):
        appliance.call("restore", f"sda5_{name}", tmp_path / name)
    assert assert_only_memory_is_gone(tmp_path / "Full", tmp_path / "Lean") == (SWAP - PAGE) // SECTOR

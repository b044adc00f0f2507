"""A disk that its machine cannot start is refused before the first write, or fails: it never succeeds."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from initramfs.agent.errors import PlanError, StepError
from initramfs.errors import ExplainedError
from initramfs.messages import DiskRule, Firmware, Install, Job, Loader
from tests.images import filesystems
from tests.images.disk import Slot, insert, partition
from tests.images.filesystems import MIB
from tests.images.image_command import Appliance
from tests.images.job_machine import machine
from tests.lab.command import run

pytestmark = [
    pytest.mark.root,
    pytest.mark.skipif(os.geteuid() != 0, reason="loop devices need root"),
]

SHIM, REMOVABLE = "EFI/debian/shimx64.efi", "EFI/BOOT/BOOTX64.EFI"
SIZE = 48


@pytest.mark.parametrize(
    ("names", "loader", "end"),
    [
        (["EFI/debian/grub.cfg"], Loader.REQUIRE, (PlanError, "no boot loader is on partition 1")),
        (["EFI/debian/grub.cfg"], Loader.IGNORE, (None, "there is no boot loader")),
        # This machine's own firmware takes no entries, or it has none.
        ([SHIM], Loader.REQUIRE, (StepError, "did not take a boot entry, and there is no EFI/BOOT")),
        ([SHIM, REMOVABLE], Loader.REQUIRE, (None, "EFI/BOOT/BOOTX64.EFI must do")),
    ],
)
def test_a_uefi_machine(
    names: list[str],
    loader: Loader,
    end: tuple[type[ExplainedError] | None, str],
    appliance: Appliance,
    tmp_path: Path,
) -> None:
    """Its EFI system partition is looked at in the image, and on the disk."""
    if Path("/sys/firmware/efi/efivars").is_dir():
        pytest.skip("this machine's own boot order would change")
    error, words = end
    golden, target = tmp_path / "golden", tmp_path / "target"
    starts = partition(golden, 40, "label: gpt", (Slot(1, 16, "uefi"), Slot(2, 0, "linux")))
    for name in names:
        (tmp_path / "esp" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "esp" / name).write_text(name)
    filesystems.fat(tmp_path / "fat", 16, "C105E5F1", tmp_path / "esp")
    insert(golden, starts[1], tmp_path / "fat")
    appliance.call("capture", golden, "sda_Golden")
    target.write_bytes(b"\xa5" * SIZE * MIB)
    with machine(appliance, "sda_Golden", target) as (pc, image):
        pc.seen = replace(pc.seen, firmware=Firmware.UEFI)
        job = Job(1, "test", Install(image, DiskRule(), loader=loader))
        if error is None:
            pc.run(job)
            assert any(words in line for line in pc.lines)
        else:
            with pytest.raises(error, match=words):
                pc.run(job)
    untouched = target.read_bytes() == b"\xa5" * SIZE * MIB
    assert untouched is (error is PlanError)


def test_a_bios_machine(appliance: Appliance, tmp_path: Path) -> None:
    """A first sector without code is refused; one with code is written."""
    golden, target = tmp_path / "golden", tmp_path / "target"
    partition(golden, 8, "label: dos", (Slot(1, 0, "83", "bootable"),))
    appliance.call("capture", golden, "sda_Data")
    with golden.open("r+b") as disk:
        disk.write(b"\xfa\xeb\xfe")
    appliance.call("capture", golden, "sda_System")
    for name, starts in (("sda_Data", False), ("sda_System", True)):
        target.write_bytes(b"\xa5" * 8 * MIB)
        with machine(appliance, name, target) as (pc, image):
            job = Job(1, "test", Install(image, DiskRule()))
            if starts:
                pc.run(job)
            else:
                with pytest.raises(PlanError, match="holds no boot code"):
                    pc.run(job)
        assert (target.read_bytes() == b"\xa5" * 8 * MIB) is not starts
        run("rm", "-r", appliance.home / "api")

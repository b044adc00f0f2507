"""The image by itself: started by QEMU directly, without any of our network services.

Its promises are tried inside it (its own self test), its failures on its console.
"""

from __future__ import annotations

import hashlib
import shutil
from typing import TYPE_CHECKING

import pytest

from initramfs.builder.build import Built, build
from initramfs.builder.spec import load
from initramfs.messages import Firmware
from tests.lab.cache import BUILD
from tests.lab.machines.direct_boot import Direct

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]

CACHE = BUILD / "cache" / "initramfs"
KEY = b"no key: nothing here is signed\n"
LIMIT = 60 << 20
"""Bytes; what a hundred machines may be asked to fetch."""

CONTROLLERS: dict[str, list[str]] = {
    "ide-hd,bus=ide.0": [],
    "nvme,serial=nvme": [],
    "scsi-hd,bus=virtio.0": ["-device", "virtio-scsi-pci,id=virtio"],
    "scsi-hd,bus=megaraid.0": ["-device", "megasas-gen2,id=megaraid"],
    "scsi-hd,wwn=0x5000c50015ea71ac,bus=fusion.0": ["-device", "mptsas1068,id=fusion"],
    "scsi-hd,bus=lsi.0": ["-device", "lsi53c895a,id=lsi"],
    "scsi-hd,bus=vmware.0": ["-device", "pvscsi,id=vmware"],
    "usb-storage,bus=xhci.0": ["-device", "qemu-xhci,id=xhci"],
    "usb-storage,bus=ehci.0": ["-device", "usb-ehci,id=ehci"],
    "sd-card": ["-device", "sdhci-pci"],
}
"""QEMU's kinds of disks, each with the controller that it needs."""


@pytest.fixture(scope="module")
def image() -> Built:
    """The image, from the cache if it is there."""
    return build(load(), CACHE, public_key=KEY)


@pytest.mark.parametrize("firmware", Firmware)
def test_everything_that_is_declared_works_inside(firmware: Firmware, image: Built, tmp_path: Path) -> None:
    """In 1 GiB of memory: every program, Python module and file system; then it switches itself off."""
    with Direct(image, tmp_path, "clonesys.selftest", firmware) as machine:
        machine.power_on()
        machine.expect(r"clonesys: network: 10\.0\.2\.15/24", 200)
        machine.expect(r"selftest: (PASSED|FAILED)", 200)
        machine.expect("Power down")
        text = machine.console.text
    assert "selftest: FAIL" not in text
    assert ("EFI variables are there" in text) == (firmware is Firmware.UEFI)


def test_a_failed_agent_says_why_and_offers_a_shell(image: Built, tmp_path: Path) -> None:
    """A machine that was not booted by us has nothing to do. The shell has job control, and a way out."""
    with Direct(image, tmp_path, "") as machine:
        machine.power_on()
        machine.expect(r"error: the kernel's command line lacks clonesys\.server", 200)
        machine.expect("Press Enter for a shell")
        machine.type("\n")
        machine.expect("clonesys:~# ")
        machine.type("cat /sys/block/vda/serial /etc/clonesys/appliance.pub; tty; sleep 1 & jobs\n")
        machine.expect("disk-serial")
        machine.expect(KEY.decode().strip())
        machine.expect("/dev/ttyS0")
        machine.expect(r"\[1\]\+ +Running +sleep 1")
        machine.type("exit\n")
        machine.expect("Press Enter for a shell")
        machine.type("\n")
        machine.expect("clonesys:~# ")
        machine.type("reboot\n")
        machine.expect("reboot: Restarting system")


def test_disks_behind_every_kind_of_controller_are_found(image: Built, tmp_path: Path) -> None:
    """All drivers are loaded before the agent looks; each disk is known by its size."""
    devices: list[str] = []
    for number, (kind, controller) in enumerate(CONTROLLERS.items()):
        size = 1 << 20 + number
        drive = (
            f"if=none,id=drive{number},format=raw,file.driver=null-co,file.read-zeroes=on,file.size={size}"
        )
        devices += [*controller, "-drive", drive, "-device", f"{kind},drive=drive{number}"]
    with Direct(image, tmp_path, "", devices=tuple(devices)) as machine:
        machine.power_on()
        machine.expect("Press Enter for a shell", 200)
        machine.type("\n")
        machine.expect("clonesys:~# ")
        machine.type("sort -n -k3 /proc/partitions\n")
        for number in range(len(CONTROLLERS)):
            machine.expect(rf" {1024 << number} ", 10)


def test_a_missing_cable_is_named_and_waited_for(image: Built, tmp_path: Path) -> None:
    """Plugged in, the machine goes on by itself."""
    with Direct(image, tmp_path, "clonesys.selftest") as machine:
        machine.plug(cable=False)
        machine.power_on()
        machine.expect("no link on eth0: is the cable plugged in", 200)
        machine.plug(cable=True)
        machine.expect(r"clonesys: network: 10\.0\.2\.15/24")


def test_a_second_build_gives_the_same_bytes(image: Built, tmp_path: Path) -> None:
    """From the same packages, with nothing of the first build but these."""
    shutil.copytree(CACHE / "apt", tmp_path / "apt")
    shutil.copy(CACHE / "resolved.json", tmp_path / "resolved.json")
    again = build(load(), tmp_path, public_key=KEY)
    assert again.digest == image.digest
    assert digest(again.initramfs) == digest(image.initramfs)
    assert digest(again.kernel) == digest(image.kernel)


def test_the_image_is_small_enough_for_a_classroom(image: Built) -> None:
    """Everybody fetches it at the same time."""
    assert image.size <= LIMIT


def digest(path: Path) -> str:
    """SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()

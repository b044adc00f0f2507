"""Inventory from a sysfs tree as real machines have it."""

from pathlib import Path

import pytest

from initramfs.agent.inventory import read_disks, read_inventory, read_nics, stable_path
from initramfs.messages import Firmware


def put(root: Path, **files: str) -> None:
    """Write sysfs attributes; double underscores are slashes."""
    for name, content in files.items():
        path = root / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content + "\n")


def block(sys: Path, device: str, **files: str) -> None:
    """A block device at its real place, linked from /sys/block."""
    place = sys / "devices" / device
    put(place, **files)
    (sys / "block").mkdir(parents=True, exist_ok=True)
    (sys / "block" / place.name).symlink_to(place)


def test_an_nvme_disk_is_described(tmp_path: Path) -> None:
    """Serial from the controller, WWN from wwid, size from 512-byte units."""
    block(
        tmp_path,
        "pci0000:00/0000:01:00.0/nvme/nvme0/nvme0n1",
        size="1000215216", wwid="eui.0025", device__serial="S5GXNX0T", device__model="Samsung SSD 980",
        queue__logical_block_size="512", queue__rotational="0", removable="0", ro="0",
    )  # fmt: skip
    (disk,) = read_disks(tmp_path)
    assert (disk.serial, disk.wwn, disk.transport) == ("S5GXNX0T", "eui.0025", "nvme")
    assert disk.size == 1000215216 * 512
    assert disk.path == "pci-0000:01:00.0-nvme-1"


def test_a_sata_serial_comes_from_its_vpd_page(tmp_path: Path) -> None:
    """SPC-4: four bytes of header, then the serial number."""
    block(tmp_path, "pci0000:00/0000:00:1f.2/ata1/host0/target0:0:0/0:0:0:0/block/sda", size="8")
    (tmp_path / "block/sda/device").mkdir()
    (tmp_path / "block/sda/device/vpd_pg80").write_bytes(b"\x00\x80\x00\x08WD-1234 ")
    (disk,) = read_disks(tmp_path)
    assert (disk.serial, disk.transport) == ("WD-1234", "sata")


@pytest.mark.parametrize("name", ["loop0", "ram1", "zram0", "dm-0", "md127", "sr0", "fd0", "mmcblk0boot0"])
def test_what_is_no_disk_is_left_out(tmp_path: Path, name: str) -> None:
    """Nothing of this may ever be a target."""
    block(tmp_path, f"virtual/block/{name}", size="2048")
    assert not list(read_disks(tmp_path))


def test_a_drive_without_medium_is_left_out(tmp_path: Path) -> None:
    """Card readers show up with size 0."""
    block(tmp_path, "pci0000:00/0000:00:14.0/usb1/1-4/1-4:1.0/host6/target6:0:0/6:0:0:0/block/sdb", size="0")
    assert not list(read_disks(tmp_path))


@pytest.mark.parametrize(
    ("resolved", "path"),
    [
        ("/sys/devices/pci0000:00/0000:00:04.0/virtio1/block/vda", "pci-0000:00:04.0"),
        (
            "/sys/devices/pci0000:00/0000:00:1f.2/ata2/host1/target1:0:0/1:0:0:0/block/sda",
            "pci-0000:00:1f.2-ata-2",
        ),
        (
            "/sys/devices/pci0000:00/0000:00:03.0/host7/target7:0:2/7:0:2:0/block/sdc",
            "pci-0000:00:03.0-scsi-0:2:0",
        ),
        (
            "/sys/devices/pci0000:00/0000:00:14.0/usb1/1-2/1-2:1.0/host3/target3:0:0/3:0:0:0/block/sdd",
            "pci-0000:00:14.0-usb-0:2:1.0",
        ),
    ],
)
def test_paths_hold_no_number_of_probing_order(resolved: str, path: str) -> None:
    """The same place has the same path at the next boot."""
    assert stable_path(resolved) == path


def test_only_real_ethernet_counts_as_nic(tmp_path: Path) -> None:
    """No loopback, no bridge; an unreadable speed is 0."""
    put(
        tmp_path / "class/net/eth0",
        type="1",
        address="52:54:00:AA:00:01",
        carrier="1",
        speed="-1",
        device__vendor="x",
    )
    put(tmp_path / "class/net/lo", type="772", address="00:00:00:00:00:00")
    put(tmp_path / "class/net/br0", type="1", address="52:54:00:aa:00:02")
    (nic,) = read_nics(tmp_path)
    assert (nic.mac, nic.speed, nic.carrier) == ("52:54:00:aa:00:01", 0, True)


def test_firmware_type_is_what_the_kernel_was_started_by(tmp_path: Path) -> None:
    """/sys/firmware/efi exists on UEFI only."""
    assert read_inventory(tmp_path).firmware is Firmware.BIOS
    (tmp_path / "firmware/efi").mkdir(parents=True)
    assert read_inventory(tmp_path).firmware is Firmware.UEFI

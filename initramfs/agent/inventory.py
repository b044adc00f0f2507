"""What this machine is made of, read from sysfs and psutil.

Only looks; decides nothing. The tree is an argument, so that any machine's
sysfs can be read. sysfs attributes that a driver does not offer, or refuses
to read, are empty values: firmware is not to be trusted to be complete.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import psutil

from initramfs.messages import MAX_WORDS, Disk, Firmware, Inventory, Nic, System

SYS = Path("/sys")

# Block devices that are no disks of the machine: RAM, loops, mapped and composed devices, optical and floppy.
NOT_DISKS = re.compile(r"^(loop|ram|zram|dm-|md|sr|fd|nbd|mmcblk\d+(boot\d+|rpmb))")

SECTOR = 512
"""sysfs counts sizes in units of 512 bytes whatever the disk's sector size (Documentation/block/stat)."""

ETHERNET = "1"
"""ARPHRD_ETHER, as in ``/sys/class/net/*/type``."""

# The part of a resolved sysfs path that names the bus, most specific first: a USB disk also sits on SCSI.
TRANSPORTS = (
    ("usb", re.compile(r"/usb\d+/")),
    ("nvme", re.compile(r"/nvme/")),
    ("mmc", re.compile(r"/mmc_host/")),
    ("sata", re.compile(r"/ata\d+/")),
    ("sas", re.compile(r"/end_device-")),
    ("fc", re.compile(r"/rport-")),
    ("virtio", re.compile(r"/virtio\d+/")),
    ("scsi", re.compile(r"/host\d+/")),
)


def read_inventory(sys: Path = SYS) -> Inventory:
    """Everything the appliance wants to know about this machine."""
    return Inventory(
        system=_system(sys / "class/dmi/id"),
        firmware=Firmware.UEFI if (sys / "firmware/efi").exists() else Firmware.BIOS,
        cpu_model=_cpu_model(Path("/proc/cpuinfo")),
        cpu_count=psutil.cpu_count() or 1,
        memory=psutil.virtual_memory().total,
        disks=tuple(read_disks(sys)),
        nics=tuple(read_nics(sys)),
    )


def read_disks(sys: Path = SYS) -> Iterator[Disk]:
    """All whole disks, by name. A drive without a medium (size 0) is none."""
    for entry in sorted((sys / "block").glob("*")):
        if not NOT_DISKS.match(entry.name) and (disk := _disk(entry)).size:
            yield disk


def read_nics(sys: Path = SYS) -> Iterator[Nic]:
    """All Ethernet interfaces that have a device behind them, by name."""
    addresses = psutil.net_if_addrs()
    for entry in sorted((sys / "class/net").glob("*")):
        if _text(entry / "type") == ETHERNET and (entry / "device").exists():
            yield Nic(
                name=entry.name,
                mac=_text(entry / "address").lower(),
                driver=_link_name(entry / "device/driver"),
                speed=max(_number(entry / "speed"), 0),  # -1 without a link
                carrier=_text(entry / "carrier") == "1",
                addresses=tuple(
                    a.address for a in addresses.get(entry.name, ()) if a.family.name == "AF_INET"
                ),
            )


def _system(dmi: Path) -> System:
    return System(
        vendor=_text(dmi / "sys_vendor"),
        product=_text(dmi / "product_name"),
        serial=_text(dmi / "product_serial"),
        uuid=_text(dmi / "product_uuid").lower(),
        bios_version=_text(dmi / "bios_version"),
    )


def _cpu_model(cpuinfo: Path) -> str:
    match = re.search(r"^model name\s*:\s*(.+)$", _text(cpuinfo), re.MULTILINE)
    return match[1] if match else ""


def _disk(entry: Path) -> Disk:
    resolved = str(entry.resolve())
    return Disk(
        name=entry.name,
        size=_number(entry / "size") * SECTOR,
        logical_sector_size=_number(entry / "queue/logical_block_size") or SECTOR,
        physical_sector_size=_number(entry / "queue/physical_block_size") or SECTOR,
        model=_text(entry / "device/model"),
        serial=_serial(entry),
        wwn=_text(entry / "wwid") or _text(entry / "device/wwid"),
        path=stable_path(resolved),
        transport=next((name for name, pattern in TRANSPORTS if pattern.search(resolved)), ""),
        rotational=_text(entry / "queue/rotational") == "1",
        removable=_text(entry / "removable") == "1",
        read_only=_text(entry / "ro") == "1",
    )


def _serial(entry: Path) -> str:
    """Virtio has it at the disk, NVMe at the controller, SCSI and SATA in VPD page 0x80 (SPC-4 §7.8.15)."""
    plain = _text(entry / "serial") or _text(entry / "device/serial")
    if plain:
        return plain
    try:
        page = (entry / "device/vpd_pg80").read_bytes()
    except OSError:
        return ""
    return page[4:].decode("ascii", "replace").strip("\0 ")


def stable_path(resolved: str) -> str:
    """Where a disk is plugged in, without the numbers that change between boots.

    In the manner of udev's by-path names: the last PCI address, then what tells
    disks on one controller apart (``pci-0000:00:1f.2-ata-1``). Host numbers and
    kernel names are left out because they depend on probing order.
    """
    pci = re.findall(r"[0-9a-f]{4}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]", resolved)
    parts = [f"pci-{pci[-1]}"] if pci else []
    if match := re.search(r"/\d+-([\d.]+:\d+\.\d+)/", resolved):
        parts.append(f"usb-0:{match[1]}")
    elif match := re.search(r"/ata(\d+)/", resolved):
        parts.append(f"ata-{match[1]}")
    elif match := re.search(r"/nvme\d+n(\d+)$", resolved):
        parts.append(f"nvme-{match[1]}")
    elif match := re.search(r"/\d+:(\d+:\d+:\d+)/block/", resolved):
        parts.append(f"scsi-{match[1]}")
    return "-".join(parts)


def _text(path: Path) -> str:
    try:
        return path.read_text(errors="replace").strip("\0 \n")[:MAX_WORDS]
    except OSError:
        return ""


def _number(path: Path) -> int:
    text = _text(path)
    return int(text) if text.lstrip("-").isdigit() else 0


def _link_name(path: Path) -> str:
    return path.resolve().name if path.exists() else ""

"""What a machine is made of, as its agent tells. A leaf; sizes are bytes."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Firmware(StrEnum):
    """How the machine was started, as the agent sees it (``/sys/firmware/efi``), or what an image needs."""

    BIOS = "bios"
    UEFI = "uefi"


@dataclass(frozen=True, slots=True)
class System:
    """The DMI identity, as ``/sys/class/dmi/id`` gives it; empty where the firmware says nothing."""

    vendor: str = ""
    product: str = ""
    serial: str = ""
    uuid: str = ""
    bios_version: str = ""


TRANSPORTS = ("usb", "nvme", "mmc", "sata", "sas", "fc", "virtio", "scsi")
"""The buses that ``Disk.transport`` tells apart; it is empty for any other."""


@dataclass(frozen=True, slots=True)
class Disk:
    """One whole disk. ``name`` is the kernel's (``sda``), ``path`` a stable sysfs path."""

    name: str
    size: int
    logical_sector_size: int
    physical_sector_size: int
    model: str = ""
    serial: str = ""
    wwn: str = ""
    path: str = ""
    transport: str = ""
    rotational: bool = False
    removable: bool = False
    read_only: bool = False


@dataclass(frozen=True, slots=True)
class Nic:
    """One Ethernet interface. ``speed`` is Mbit/s, 0 where unknown."""

    name: str
    mac: str
    driver: str = ""
    speed: int = 0
    carrier: bool = False
    addresses: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Inventory:
    """What the machine is made of."""

    system: System
    firmware: Firmware
    cpu_model: str
    cpu_count: int
    memory: int
    disks: tuple[Disk, ...]
    nics: tuple[Nic, ...]

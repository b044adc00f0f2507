"""What a machine is made of, as its agent tells. A leaf; sizes are bytes."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Final

from initramfs.messages.codec import Most

MAX_WORDS: Final = 1024
"""Characters of what firmware, a disk or a driver says of itself; they have a few dozen."""
Words = Annotated[str, Most(MAX_WORDS)]


class Firmware(StrEnum):
    """How the machine was started, as the agent sees it (``/sys/firmware/efi``), or what an image needs."""

    BIOS = "bios"
    UEFI = "uefi"


@dataclass(frozen=True, slots=True)
class System:
    """The DMI identity, as ``/sys/class/dmi/id`` gives it; empty where the firmware says nothing."""

    vendor: Words = ""
    product: Words = ""
    serial: Words = ""
    uuid: Words = ""
    bios_version: Words = ""


TRANSPORTS = ("usb", "nvme", "mmc", "sata", "sas", "fc", "virtio", "scsi")
"""The buses that ``Disk.transport`` tells apart; it is empty for any other."""


@dataclass(frozen=True, slots=True)
class Disk:
    """One whole disk. ``name`` is the kernel's (``sda``), ``path`` a stable sysfs path."""

    name: Words
    size: int
    logical_sector_size: int
    physical_sector_size: int
    model: Words = ""
    serial: Words = ""
    wwn: Words = ""
    path: Words = ""
    transport: Words = ""
    rotational: bool = False
    removable: bool = False
    read_only: bool = False


@dataclass(frozen=True, slots=True)
class Nic:
    """One Ethernet interface. ``speed`` is Mbit/s, 0 where unknown."""

    name: Words
    mac: Words
    driver: Words = ""
    speed: int = 0
    carrier: bool = False
    addresses: Annotated[tuple[Words, ...], Most(256)] = ()


@dataclass(frozen=True, slots=True)
class Inventory:
    """What the machine is made of."""

    system: System
    firmware: Firmware
    cpu_model: Words
    cpu_count: int
    memory: int
    disks: Annotated[tuple[Disk, ...], Most(1024)]
    nics: Annotated[tuple[Nic, ...], Most(1024)]

"""What the lab's machines are made of, as QEMU's command line."""

from __future__ import annotations

from pathlib import Path
from uuid import NAMESPACE_DNS, uuid5

from initramfs.messages import Firmware
from tests.lab.machines.accelerator import accelerator

OVMF = Path("/usr/share/OVMF")
OVMF_CODE = OVMF / "OVMF_CODE_4M.fd"
OVMF_VARIABLES = OVMF / "OVMF_VARS_4M.fd"
"""Empty variables: firmware as it comes from the factory. A machine writes to a copy of its own."""

# Where things are plugged in: boot entries of UEFI name the slot.
CARD_SLOT = 0x10
DISK_SLOT = 0x11

Words = tuple[str | Path, ...]


def board(name: str, memory: int) -> Words:
    """Board with its own UUID and serial number, processors and memory (MiB)."""
    identity = ("-uuid", str(uuid5(NAMESPACE_DNS, name)), "-smbios", f"type=1,serial={name.upper()}")
    # graphics=off: SeaBIOS and option ROMs talk on the serial line too.
    machine = ("-machine", "q35,graphics=off", "-m", str(memory), "-smp", "2", *accelerator())
    # OVMF's TCP and a system's first boot want random numbers.
    return (
        "-name",
        name,
        *identity,
        *machine,
        "-nodefaults",
        "-display",
        "none",
        "-device",
        "virtio-rng-pci",
    )


def clock(says: str) -> Words:
    """The clock on the board at power-on, such as ``1970-01-01``: what an empty battery leaves."""
    return ("-rtc", f"base={says}")


def uefi(variables: Path) -> Words:
    """OVMF with ``variables``; without this the machine is a BIOS one."""
    code = f"if=pflash,format=raw,readonly=on,file={OVMF_CODE}"
    return ("-drive", code, "-drive", f"if=pflash,format=raw,file={variables}")


def serial_line(descriptor: int, log: Path) -> Words:
    """The first serial port, on an inherited socket and into a log."""
    chardev = f"socket,id=serial,fd={descriptor},logfile={log},logappend=on"
    return ("-chardev", chardev, "-serial", "chardev:serial")


def control(descriptor: int) -> Words:
    """QMP on an inherited socket."""
    return ("-chardev", f"socket,id=qmp,fd={descriptor}", "-mon", "chardev=qmp,mode=control")


def disk(path: Path, serial: str, number: int, firmware: Firmware) -> Words:
    """A raw file as a virtio disk. A BIOS starts from it after the network, disk 0 first.

    UEFI keeps its own order of boot entries; told one by QEMU, OVMF would forget that at every start.
    """
    drive = f"if=none,id=disk{number},format=raw,discard=unmap,file={path}"
    order = f",bootindex={number + 2}" if firmware is Firmware.BIOS else ""
    device = f"virtio-blk-pci,drive=disk{number},addr={DISK_SLOT + number:#x},serial={serial}{order}"
    return ("-drive", drive, "-device", device)


def network_card(mac: str, firmware: Firmware, tap: str | None, *, first: bool) -> Words:
    """A network card on ``tap`` (None: no cable); ``first``: QEMU tells the firmware to start from it first.

    BIOS: its option ROM is iPXE. UEFI: an empty romfile, so that OVMF itself is the PXE client.
    """
    words = f"virtio-net-pci,addr={CARD_SLOT:#x},mac={mac}"
    words += ",bootindex=1" if first else ""
    words += ",romfile=" if firmware is Firmware.UEFI else ""
    if tap is None:
        return ("-device", words)
    return ("-netdev", f"tap,id=lan,ifname={tap},script=no,downscript=no", "-device", f"{words},netdev=lan")

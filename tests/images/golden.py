"""The golden disks: what the lab captures images from, with systems that really start.

The BIOS disk follows the table of the CloneSys documentation of 1999, scaled down: a boot partition with a
boot commander, the service Linux, and logical partitions with systems and data. The UEFI disk is what an
installer would make today.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from initramfs.messages import Firmware
from tests.images import debian, filesystems, grub
from tests.images.disk import Slot, insert, partition
from tests.lab.command import run

BOOT = "c10e5500-0000-4000-8000-000000000001"
SERVICE = "c10e5500-0000-4000-8000-000000000002"
DEBIAN = "c10e5500-0000-4000-8000-000000000005"
DATA = "c10e5500-0000-4000-8000-000000000006"
SWAP = "c10e5500-0000-4000-8000-000000000009"
ESP = "C105E5F1"
TINY_DATA = 12 << 20
"""Bytes of noise, which does not compress: so much goes over the wire."""

MOUNTED = "20220101000000"
"""When the root that can grow was last mounted, as debugfs writes it. Some clocks have not got so far."""

Files = dict[str, "str | Path"]
"""Names to texts, or to files that are copied."""


@dataclass(frozen=True, slots=True)
class Golden:
    """One golden disk.

    Attributes:
        firmware: what can start it.
        path: the raw disk.
        name: of the whole-disk image to make of it.
        partitions: number → name of the partition image; the whole-disk image leaves these empty.
        root: the number of the partition with the Linux root, to be personalised.
    """

    firmware: Firmware
    path: Path
    name: str
    partitions: dict[int, str]
    root: int


def make(firmware: Firmware, folder: Path, kernel: Path, initramfs: Path) -> Golden:
    """The golden disk for ``firmware``, as a file in ``folder``; seconds, once there is a Debian.

    ``kernel`` and ``initramfs`` become the service Linux of the BIOS disk.
    """
    folder.mkdir(parents=True, exist_ok=True)
    disk = folder / f"golden-{firmware}.img"
    with TemporaryDirectory(dir=folder) as work:
        if firmware is Firmware.BIOS:
            return _bios(disk, Path(work), kernel, initramfs)
        return _uefi(disk, Path(work))


BIOS_LABEL = "label: dos\nlabel-id: 0xc105e515"
BIOS_SLOTS = (
    Slot(1, 32, "83", "bootable"),
    Slot(2, 128, "83"),
    Slot(4, 0, "5"),
    Slot(5, 768, "83"),
    Slot(6, 128, "83"),
    Slot(7, 64, "c"),
    Slot(8, 64, "7"),
    Slot(9, 128, "82"),
)


def _bios(target: Path, work: Path, kernel: Path, initramfs: Path) -> Golden:
    starts = partition(target, 1344, BIOS_LABEL, BIOS_SLOTS)
    part = {number: work / f"part{number}" for number in starts}
    boot = _tree(work / "boot", {"grub/grub.cfg": _bios_menu()})
    filesystems.ext4(part[1], 32, BOOT, boot, kind="ext2")
    service = _tree(work / "service", {"vmlinuz": kernel, "initramfs.img": initramfs})
    filesystems.ext4(part[2], 128, SERVICE, service)
    filesystems.ext4(part[5], 768, DEBIAN, _debian(work / "debian", DATA, SWAP))
    filesystems.ext4(part[6], 128, DATA, _tree(work / "data", SAMPLES))
    filesystems.fat(part[7], 64, "C105E507", _tree(work / "fat", SAMPLES))
    filesystems.ntfs(part[8], 64, starts[8], _tree(work / "ntfs", SAMPLES))
    filesystems.swap(part[9], 128, SWAP)
    for number in starts.keys() - {4}:
        insert(target, starts[number], part[number])
    grub.write_bios(target, starts[1], "(,msdos1)/grub", work)
    names = {5: "sda5_Debian", 6: "sda6_Data", 7: "sda7_FAT", 8: "sda8_NTFS", 9: "sda9_Swap"}
    return Golden(Firmware.BIOS, target, "sda_InitClone", names, root=5)


def _bios_menu() -> str:
    debian_entry = grub.entry("Debian", DEBIAN, "/vmlinuz", "/initrd.img", f"root=UUID={DEBIAN} ro")
    service = grub.entry("CloneSys service Linux", SERVICE, "/vmlinuz", "/initramfs.img", "")
    return grub.HEAD + debian_entry + service


UEFI_LABEL = "label: gpt\nlabel-id: c10e5500-0000-4000-8000-0000000000f0"
UEFI_SLOTS = (
    Slot(1, 64, "uefi", 'uuid=c10e5500-0000-4000-8000-0000000000f1, name="ESP"'),
    Slot(2, 768, "linux", 'uuid=c10e5500-0000-4000-8000-0000000000f2, name="Debian"'),
    Slot(3, 128, "swap", 'uuid=c10e5500-0000-4000-8000-0000000000f3, name="Swap"'),
)


def _uefi(target: Path, work: Path) -> Golden:
    starts = partition(target, 964, UEFI_LABEL, UEFI_SLOTS)
    part = {number: work / f"part{number}" for number in starts}
    menu = grub.HEAD + grub.entry("Debian", DEBIAN, "/vmlinuz", "/initrd.img", f"root=UUID={DEBIAN} ro")
    grub.make_efi(loader := work / "grubx64.efi", "(,gpt1)/EFI/debian")
    files: Files = {"BOOT/BOOTX64.EFI": loader, "debian/grubx64.efi": loader, "debian/grub.cfg": menu}
    esp = _tree(work / "esp" / "EFI", files).parent
    filesystems.fat(part[1], 64, ESP, esp)
    filesystems.ext4(part[2], 768, DEBIAN, _debian(work / "debian", None, SWAP))
    filesystems.swap(part[3], 128, SWAP)
    for number, start in starts.items():
        insert(target, start, part[number])
    return Golden(Firmware.UEFI, target, "sda_InitUEFI", {2: "sda2_Debian", 3: "sda3_Swap"}, root=2)


SINGLE_LABEL = "label: dos\nlabel-id: 0xc105e501"
SINGLE_SLOTS = (Slot(1, 32, "82"), Slot(2, 0, "83", "bootable"))


def single(target: Path) -> Golden:
    """A disk for one image: swap, and behind it a root with all of a system, which can grow."""
    starts = partition(target, 672, SINGLE_LABEL, SINGLE_SLOTS)
    menu = grub.HEAD + grub.entry("Debian", DEBIAN, "/vmlinuz", "/initrd.img", f"root=UUID={DEBIAN} ro")
    with TemporaryDirectory(dir=target.parent) as work:
        swap, root = Path(work) / "swap", Path(work) / "root"
        filesystems.swap(swap, 32, SWAP)
        tree = _debian(Path(work) / "debian", None, SWAP)
        _tree(tree / "boot", {"grub/grub.cfg": menu})
        filesystems.ext4(root, 639, DEBIAN, tree)
        run("debugfs", "-w", "-R", f"set_super_value mtime {MOUNTED}", root)
        insert(target, starts[1], swap)
        insert(target, starts[2], root)
        grub.write_bios(target, starts[1], "(,msdos2)/boot/grub", Path(work))
    return Golden(Firmware.BIOS, target, "sda_Single", {}, root=2)


def tiny(target: Path) -> Golden:
    """A disk with one small file system and nothing to start: for what goes wrong on the way to it."""
    starts = partition(target, 32, "label: dos\nlabel-id: 0xc105e500", (Slot(1, 0, "83"),))
    noise = random.Random(1999).randbytes(TINY_DATA)
    with TemporaryDirectory(dir=target.parent) as work:
        (tree := Path(work) / "tree").mkdir()
        (tree / "noise").write_bytes(noise)
        filesystems.ext4(part := Path(work) / "part", 31, DATA, tree)
        insert(target, starts[1], part)
    return Golden(Firmware.BIOS, target, "sda_Tiny", {}, root=1)


SAMPLES: Files = {
    "readme.txt": "A file of the golden disk.\n",
    "numbers.txt": "".join(f"{number}\n" for number in range(300_000)),
}


def _debian(tree: Path, data: str | None, swap: str) -> Path:
    tree.mkdir()
    run("tar", "-C", tree, "--numeric-owner", "-xf", debian.tarball())
    mounts = [f"UUID={DEBIAN} / ext4 errors=remount-ro 0 1", f"UUID={swap} none swap sw 0 0"]
    if data:
        (tree / "data").mkdir()
        mounts.append(f"UUID={data} /data ext4 defaults 0 2")
    (tree / "etc" / "fstab").write_text("\n".join(mounts) + "\n")
    return tree


def _tree(root: Path, files: Files) -> Path:
    """A folder with ``files`` in it."""
    for name, content in files.items():
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content.encode() if isinstance(content, str) else content.read_bytes())
    return root

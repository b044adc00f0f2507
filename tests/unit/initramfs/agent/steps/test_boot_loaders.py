"""What firmware finds to start: on real FATs of every kind, and in first sectors."""

from __future__ import annotations

from pathlib import Path

import pytest

from initramfs.agent.errors import PlanError
from initramfs.agent.steps.boot_loaders import check_start, choose_loader, find_loader, nothing_active
from initramfs.imaging.filesystem.fat_files import files
from initramfs.imaging.format.header import Filesystem
from initramfs.imaging.label.model import ESP, Label, LabelType, Partition, PartitionNumber, Reader
from initramfs.messages import Firmware
from tests.images import filesystems
from tests.images.filesystems import MIB
from tests.lab.command import run

LABEL = Label(LabelType.GPT, "", (Partition(1, MIB, 64 * MIB, ESP), Partition(2, 65 * MIB, 64 * MIB, "x")))
FATS: dict[PartitionNumber, Filesystem] = {
    number: Filesystem(number, "vfat", "", "", 64 * MIB, 0, 0) for number in (1, 2)
}
LOADER = "EFI/debian/shimx64.efi"


def reading(path: Path, start: int = 0) -> Reader:
    """A file as a disk, from ``start`` on."""
    data = bytes(start) + path.read_bytes()
    return lambda at, length: data[at : at + length]


def fat(path: Path, names: list[str], *options: str) -> Path:
    """A FAT of 64 MiB with these files in it."""
    filesystems.blank(path, 64)
    run("mkfs.fat", *options, path)
    (path.parent / "empty").touch()
    for folder in sorted({str(parent) for name in names for parent in Path(name).parents if parent.name}):
        run("mmd", "-D", "s", "-i", path, f"::{folder}")
    for name in names:
        run("mcopy", "-i", path, path.parent / "empty", f"::{name}")
    return path


@pytest.mark.parametrize("options", [("-F", "12", "-s", "64"), ("-F", "16"), ("-F", "32", "-s", "1")])
def test_the_files_of_a_fat_are_read(options: tuple[str, ...], tmp_path: Path) -> None:
    """Of 12, 16 and 32 bits; short names and long ones; folders of more than one cluster."""
    names = ["EFI/systemd/systemd-bootx64.efi", "EFI/BOOT/BOOTX64.EFI", "loader.conf"]
    names += [f"EFI/Linux/a kernel with a long name, number {number:03}.efi" for number in range(60)]
    assert set(files(reading(fat(tmp_path / "fat", names, *options)))) == set(names)


@pytest.mark.parametrize("content", [b"", bytes(512), b"\xff" * 512, b"\x17" * 4096])
def test_what_is_no_fat_has_no_files(content: bytes) -> None:
    """Whatever it is, it is no error."""
    assert files(lambda at, length: content[at : at + length]) == []


def test_folders_without_end_are_left(tmp_path: Path) -> None:
    """A folder that leads to itself."""
    image = fat(tmp_path / "fat", ["EFI/BOOT/BOOTX64.EFI"], "-F", "16")
    data = bytearray(image.read_bytes())
    boot, efi = (data.index(name) for name in (b"BOOT       ", b"EFI        "))
    data[boot + 26 : boot + 28] = data[efi + 26 : efi + 28]
    image.write_bytes(data)
    assert files(reading(image)) == []


@pytest.mark.parametrize(
    ("paths", "best"),
    [
        (["efi/boot/bootx64.efi", "EFI/Debian/GRUBX64.EFI"], ("EFI/Debian/GRUBX64.EFI", True)),
        (["EFI/BOOT/BOOTX64.EFI"], ("EFI/BOOT/BOOTX64.EFI", True)),
        (["EFI/rocky/shimx64.efi", "EFI/rocky/grubx64.efi"], ("EFI/rocky/shimx64.efi", False)),
        (["EFI/Microsoft/Boot/bootmgfw.efi"], ("EFI/Microsoft/Boot/bootmgfw.efi", False)),
        (["EFI/arch/shimx64.efi", "EFI/ubuntu/shimx64.efi"], ("EFI/ubuntu/shimx64.efi", False)),
        (["EFI/BOOT/BOOTIA32.EFI"], ("EFI/BOOT/BOOTIA32.EFI", False)),
        (["EFI/redhat/grub.efi", "EFI/redhat/fbx64.efi"], ("EFI/redhat/grub.efi", False)),
        (["EFI/Linux/x.efi", "EFI/s/systemd-bootx64.efi"], ("EFI/s/systemd-bootx64.efi", False)),
        (["EFI/Linux/debian.efi"], ("EFI/Linux/debian.efi", False)),
        (["EFI/debian/mmx64.efi", "EFI/other.efi", "grubx64.efi"], None),
    ],
)  # fmt: skip
def test_the_best_loader_is_chosen(paths: list[str], best: tuple[str, bool] | None) -> None:
    """FAT folds case; shim comes before GRUB, anything before the removable path; helpers start nothing."""
    assert choose_loader(paths) == best


def test_efi_system_partitions_come_first_then_other_fats(tmp_path: Path) -> None:
    """Firmware looks at them, too."""
    empty = fat(tmp_path / "none", ["EFI/debian/grub.cfg"]).read_bytes()
    full = fat(tmp_path / "full", [LOADER]).read_bytes()
    for first, number in ((full, 1), (empty, 2)):
        (tmp_path / "disk").write_bytes(bytes(MIB) + first + full)
        found = find_loader(LABEL, (1, 2), reading(tmp_path / "disk"))
        assert found is not None
        assert (found.partition, found.path, found.removable) == (number, LOADER, False)


def check(firmware: Firmware, read: Reader, label: Label | None = LABEL) -> list[str]:
    """What the check tells. Raises PlanError."""
    said: list[str] = []
    check_start(label, FATS, firmware, read, said.append)
    return said


def test_uefi_without_a_loader_is_refused(tmp_path: Path) -> None:
    """No partition for one, no loader, and one that is there."""
    with pytest.raises(PlanError, match="no boot loader is on partition 1, 2"):
        check(Firmware.UEFI, lambda _at, length: bytes(length))
    with pytest.raises(PlanError, match="no EFI system partition"):
        check(Firmware.UEFI, lambda _at, length: bytes(length), None)
    assert check(Firmware.UEFI, reading(fat(tmp_path / "fat", [LOADER]), MIB)) == []


SIGNED = bytes(510) + b"\x55\xaa"
CODE = b"\xfa" + SIGNED[1:]


@pytest.mark.parametrize(
    ("sector", "why"),
    [(SIGNED, "no boot code"), (CODE[:510] + b"\0\0", "no boot signature"), (b"", "no boot")],
)
def test_bios_without_boot_code_is_refused(sector: bytes, why: str) -> None:
    """It would stand at "no bootable device"."""
    with pytest.raises(PlanError, match=why):
        check(Firmware.BIOS, lambda at, length: sector[at : at + length])


def test_bios_with_boot_code_starts() -> None:
    """That no partition is active is only told: GRUB needs none."""
    mbr = Label(LabelType.MBR, "", (Partition(1, MIB, MIB, "83"),))
    assert check(Firmware.BIOS, lambda at, length: CODE[at : at + length]) == []
    assert "marked active" in check(Firmware.BIOS, lambda at, length: CODE[at : at + length], mbr)[0]
    assert not nothing_active(mbr, CODE[:300] + b"GRUB" + CODE[304:])
    active = Label(LabelType.MBR, "", (Partition(1, MIB, MIB, "83", bootable=True),))
    assert not nothing_active(active, CODE)

"""Texts follow when identifiers change: every reference, and nothing that only looks like one."""

from __future__ import annotations

import os
import struct
import uuid
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from initramfs.agent.errors import StepError
from initramfs.agent.steps import bcd
from initramfs.agent.steps.references import rewrite
from initramfs.agent.steps.rewriting import rewrite_boot_configuration, rewrite_references

ROOT, NEW_ROOT = "c10e5500-0000-4000-8000-000000000005", "0b1f2f6a-3c8e-4b5e-9d53-0f5d2b7c1a15"
WORDS = {
    ROOT: NEW_ROOT,
    "c105-e5f1": "12AB-34CD",
    "c105e515-05": "9abcdef0-05",
    "01d8fc37a22b5e10": "0A1B2C3D4E5F6071",
}
FSTAB = f"""\
# /etc/fstab
UUID={ROOT} / ext4 errors=remount-ro 0 1
UUID=C105-E5F1 /boot/efi vfat umask=0077 0 1
PARTUUID=c105e515-05 /other ext4 defaults 0 2
/dev/disk/by-uuid/{ROOT} /again none bind 0 0
LABEL=data /data ext4 defaults 0 2
"""


def test_every_form_of_a_reference_follows() -> None:
    """UUID=, PARTUUID=, by-uuid, in GRUB's search and on the kernel's command line; comments stay."""
    after = rewrite(FSTAB, WORDS)
    assert after.splitlines() == [
        "# /etc/fstab",
        f"UUID={NEW_ROOT} / ext4 errors=remount-ro 0 1",
        "UUID=12AB-34CD /boot/efi vfat umask=0077 0 1",
        "PARTUUID=9abcdef0-05 /other ext4 defaults 0 2",
        f"/dev/disk/by-uuid/{NEW_ROOT} /again none bind 0 0",
        "LABEL=data /data ext4 defaults 0 2",
    ]
    grub = f"search --no-floppy --fs-uuid --set=root {ROOT}\nlinux /vmlinuz root=UUID={ROOT} ro\n"
    assert rewrite(grub, WORDS) == grub.replace(ROOT, NEW_ROOT)


def test_case_stays_as_it_was_written() -> None:
    """GRUB writes FAT's in upper case, people write anything."""
    assert rewrite("c105-e5f1 C105-E5F1", WORDS) == "12ab-34cd 12AB-34CD"
    assert rewrite("01D8FC37A22B5E10", WORDS) == "0A1B2C3D4E5F6071"


@pytest.mark.parametrize(
    "text", [f"{ROOT}0", f"x{ROOT}", f"{ROOT}-1", "xc105-e5f1", "c105e515-051", "c105e515", ""]
)
def test_what_only_contains_one_is_left_alone(text: str) -> None:
    """Whole words only."""
    assert rewrite(text, WORDS) == text


@given(st.text(alphabet="0123456789abcdefABCDEF- =/\n", max_size=200))
def test_without_words_nothing_changes_and_lengths_never_do(text: str) -> None:
    """Files of a fixed size stay whole."""
    assert rewrite(text, {}) == text
    assert len(rewrite(text, WORDS)) == len(text)


def put(path: Path, content: str) -> Path:
    """A file, with its folders."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)
    return path


def test_all_known_places_are_corrected_and_may_be_again(tmp_path: Path) -> None:
    """A root, a boot partition, an EFI system partition, all in one; modes stay."""
    places = (
        "etc/fstab", "etc/crypttab", "etc/default/grub", "etc/kernel/cmdline", "boot/grub/grub.cfg",
        "etc/initramfs-tools/conf.d/resume", "grub/grub.cfg", "loader/entries/debian.conf",
        "EFI/debian/grub.cfg", "boot/grub2/grubenv",
    )  # fmt: skip
    for name in places:
        put(tmp_path / name, f"x UUID={ROOT} y\n").chmod(0o640)
    other = put(tmp_path / "home/notes", f"UUID={ROOT}\n")
    assert sorted(rewrite_references(tmp_path, WORDS)) == sorted(places)
    for name in places:
        assert (tmp_path / name).read_text() == f"x UUID={NEW_ROOT} y\n"
        assert (tmp_path / name).stat().st_mode & 0o777 == 0o640
    assert ROOT in other.read_text()
    assert rewrite_references(tmp_path, WORDS) == []
    assert not list(tmp_path.rglob(".clonesys-*"))


def test_links_in_the_image_are_not_followed(tmp_path: Path) -> None:
    """They may lead to this machine's own files."""
    victim = put(tmp_path / "outside/fstab", FSTAB)
    (tmp_path / "root/etc").mkdir(parents=True)
    (tmp_path / "root/etc/fstab").symlink_to(victim)
    (tmp_path / "root/boot").symlink_to(tmp_path / "outside")
    put(tmp_path / "outside/grub/grub.cfg", FSTAB)
    assert rewrite_references(tmp_path / "root", WORDS) == []
    assert victim.read_text() == FSTAB


def test_nothing_of_the_image_is_written_through(tmp_path: Path) -> None:
    """A link under the name of the new file may lead to another disk."""
    victim = put(tmp_path / "outside/disk", "precious")
    fstab = put(tmp_path / "root/etc/fstab", FSTAB)
    (tmp_path / "root/etc/.clonesys-fstab").symlink_to(victim)
    assert rewrite_references(tmp_path / "root", WORDS) == ["etc/fstab"]
    assert victim.read_text() == "precious"
    assert fstab.read_text() != FSTAB
    assert not list(tmp_path.rglob(".clonesys-*"))


def test_texts_of_any_encoding_survive(tmp_path: Path) -> None:
    """GRUB's menus have titles in all languages, and in none."""
    (tmp_path / "grub").mkdir()
    (tmp_path / "grub/grub.cfg").write_bytes(b"\xff\xfe caf\xe9 " + ROOT.encode())
    rewrite_references(tmp_path, WORDS)
    assert (tmp_path / "grub/grub.cfg").read_bytes() == b"\xff\xfe caf\xe9 " + NEW_ROOT.encode()


def element(style: int, name: bytes, disk: bytes) -> bytes:
    """A device element as Windows writes it."""
    head = bytes(16) + struct.pack("<IIII", 6, 0, 0x48, 0)
    return head + name.ljust(16, b"\0") + struct.pack("<II", 0, style) + disk.ljust(16, b"\0") + bytes(16)


DUMP = bytes.fromhex(
    "00000000000000000000000000000000 06000000000000004800000000000000 0000f015000000000000000000000000"
    "0000000001000000f1a8ebb3000000000000000000000000 00000000000000000000000000000000"
)
"""Windows 8.1's element for C: on an MBR disk with signature b3eba8f1, as published."""


def test_a_published_element_is_found() -> None:
    """The disk's signature changes, nothing else does."""
    hive = b"regf" + bytes(508) + DUMP + b"b3eba8f1"
    new = bcd.rebind(hive, {"b3eba8f1": "01020304"})
    assert new == hive.replace(bytes.fromhex("f1a8ebb3"), bytes.fromhex("04030201"))
    assert bcd.rebind(hive, {"deadbeef": "01020304"}) == hive


def test_gpt_elements_follow_for_disk_and_partition() -> None:
    """GUIDs are written with their first fields turned round."""
    disk, part = uuid.uuid4(), uuid.uuid4()
    new_disk, new_part = uuid.uuid4(), uuid.uuid4()
    hive = b"regf" + bytes(60) + element(0, part.bytes_le, disk.bytes_le)
    words = {str(disk): str(new_disk), str(part): str(new_part)}
    assert bcd.rebind(hive, words) == b"regf" + bytes(60) + element(0, new_part.bytes_le, new_disk.bytes_le)


def test_windows_boot_configuration_is_corrected_in_place(tmp_path: Path) -> None:
    """One that is not finished is refused: Windows would not start."""
    path = tmp_path / "Boot/BCD"
    path.parent.mkdir()
    path.write_bytes(b"regf" + struct.pack("<II", 7, 7) + bytes(500) + DUMP)
    assert rewrite_boot_configuration(tmp_path, {"b3eba8f1": "01020304"}) == ["Boot/BCD"]
    assert bytes.fromhex("04030201") in path.read_bytes()
    assert rewrite_boot_configuration(tmp_path, {"b3eba8f1": "01020304"}) == []
    path.write_bytes(b"regf" + struct.pack("<II", 8, 7) + bytes(500) + DUMP)
    with pytest.raises(StepError, match="unfinished"):
        rewrite_boot_configuration(tmp_path, {"b3eba8f1": "01020304"})
    assert rewrite_boot_configuration(tmp_path, {}) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_owners_stay(tmp_path: Path) -> None:
    """A menu that belongs to somebody still does."""
    path = put(tmp_path / "etc/fstab", FSTAB)
    os.chown(path, 12, 34)
    rewrite_references(tmp_path, WORDS)
    assert (path.stat().st_uid, path.stat().st_gid) == (12, 34)

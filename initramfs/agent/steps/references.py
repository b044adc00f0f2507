"""The texts of a Linux that name disks by their identifiers, and how they follow when these change.

Pure: texts in, texts out; ``rewriting`` applies it. Old and new identifiers of one kind are equally
long, so even files of a fixed size (GRUB's environment) stay whole.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

ROOT_FILES = (
    "etc/fstab",
    "etc/crypttab",
    "etc/default/grub",
    "etc/kernel/cmdline",
    "etc/cmdline.d/*.conf",
    "etc/initramfs-tools/conf.d/*",
    "etc/dracut.conf.d/*.conf",
    "etc/systemd/system/*.mount",
    "etc/systemd/system/*.swap",
    "boot/grub*/grub.cfg",
    "boot/grub*/grubenv",
    "boot/grub*/custom.cfg",
    "boot/loader/entries/*.conf",
    "boot/extlinux/extlinux.conf",
    "boot/syslinux/*.cfg",
)
"""In a root. ``boot`` may be a partition of its own: then what follows it lies in that one's top folder."""

BOOT_FILES = tuple(path.removeprefix("boot/") for path in ROOT_FILES if path.startswith("boot/"))
ESP_FILES = ("EFI/*/grub.cfg", "EFI/*/*.conf", "EFI/*/*/grub.cfg")

FILES = (*ROOT_FILES, *BOOT_FILES, *ESP_FILES)
"""Looked for in every file system that Linux mounts by itself; where there are none, nothing is done."""

SUBVOLUMES = ("", "@/", "@rootfs/", "@boot/", "root/")
"""Where distributions keep the root of a Btrfs: Debian, SUSE and Ubuntu, Fedora."""

BEFORE, AFTER = r"(?<![0-9A-Za-z-])", r"(?![0-9A-Za-z-])"


def rewrite(text: str, words: Mapping[str, str]) -> str:
    """``text`` with every old identifier (a key of ``words``, in lower case) replaced, and nothing else.

    Only whole words count. A reference keeps its case: udev's names for FAT and NTFS are upper case.
    """
    if not words:
        return text
    longest_first = sorted(words, key=len, reverse=True)
    pattern = re.compile(f"{BEFORE}({'|'.join(map(re.escape, longest_first))}){AFTER}", re.IGNORECASE)
    return pattern.sub(lambda match: _like(match[0], words[match[0].lower()]), text)


def _like(old: str, new: str) -> str:
    if old == old.lower() and old != old.upper():
        return new.lower()
    return new.upper() if old == old.upper() and old != old.lower() else new

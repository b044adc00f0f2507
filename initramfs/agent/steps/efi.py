"""EFI boot entries as efibootmgr shows them, and the order they should have.

Pure: its output in, decisions out. The rule: the network stays first, so that
the appliance decides every boot; our new entry comes right after it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

# Where the boot loaders of installed systems lie on an ESP, best first; the last is the removable-media path
# (UEFI 2.10 §3.5.1.1) that needs no entry but may have one.
LOADERS = (
    "EFI/debian/shimx64.efi",
    "EFI/ubuntu/shimx64.efi",
    "EFI/fedora/shimx64.efi",
    "EFI/debian/grubx64.efi",
    "EFI/Microsoft/Boot/bootmgfw.efi",
    "EFI/systemd/systemd-bootx64.efi",
    "EFI/BOOT/BOOTX64.EFI",
)

LABEL = "clonesys"
"""The label of our entry; an entry with it from an earlier run is replaced."""


@dataclass(frozen=True, slots=True)
class BootEntries:
    """The boot variables. ``current`` is the entry that started us, which came from the network."""

    current: str | None
    order: tuple[str, ...]
    labels: dict[str, str]


def parse(text: str) -> BootEntries:
    """Read what ``efibootmgr`` prints. Lines it does not know are left alone."""
    current = re.search(r"^BootCurrent: ([0-9A-F]{4})$", text, re.MULTILINE)
    order = re.search(r"^BootOrder: ([0-9A-F,]+)$", text, re.MULTILINE)
    labels = re.findall(r"^Boot([0-9A-F]{4})\*? ([^\t\n]*)", text, re.MULTILINE)
    return BootEntries(
        current=current[1] if current else None,
        order=tuple(order[1].split(",")) if order else (),
        labels={number: label.strip() for number, label in labels},
    )


def stale(entries: BootEntries) -> list[str]:
    """Entries that an earlier run left."""
    return [number for number, label in entries.labels.items() if label == LABEL]


def wanted_order(entries: BootEntries) -> list[str]:
    """The order with the network first, then our entry, then all others as they were."""
    ours = stale(entries)
    first = [entries.current] if entries.current and entries.current not in ours else []
    return [*first, *ours, *(number for number in entries.order if number not in {*first, *ours})]


def choose_loader(present: Sequence[str]) -> str | None:
    """The best of :data:`LOADERS` among ``present`` (FAT does not distinguish case), or None."""
    folded = {path.lower(): path for path in present}
    return next((folded[path.lower()] for path in LOADERS if path.lower() in folded), None)

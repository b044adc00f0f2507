"""The EFI boot entry of what was installed, and the firmware's order: the network, ours, the rest.

The network stays first, so that the appliance decides every boot. What to do is decided from what
``efibootmgr`` prints, by pure functions. Firmware that refuses to store variables is common; the
removable-media path still starts the system then, so a refusal is logged with the job instead of failing it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from initramfs.agent.pipeline import Context
from initramfs.agent.report import StepProgress
from initramfs.imaging.device.mounting import mounted_part
from initramfs.imaging.errors import ToolError
from initramfs.imaging.label.model import ESP
from initramfs.imaging.restore.layout import Layout
from initramfs.imaging.run import run

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
class SetBootEntry:
    """Make the firmware know the installed system."""

    disk: str
    name: str = "boot-entry"

    @property
    def title(self) -> str:
        """With the disk's name."""
        return f"Set the firmware's boot entry for {self.disk}, after the network"

    def run(self, context: Context, progress: StepProgress) -> None:
        """Find the loader on the ESP, replace our entry, put the order right."""
        label = context.find(Layout).label
        esp = next((part for part in label.areas if part.type == ESP), None) if label else None
        if esp is None:
            progress.log("this disk has no EFI system partition; the boot order is left as it is")
            return
        with mounted_part(Path("/dev", self.disk), esp.bounds, read_only=True) as root:
            loader = choose_loader([path for path in LOADERS if _exists(root, path)])
        if loader is None:
            progress.log("no known boot loader on the EFI system partition; the boot order is left as it is")
            return
        try:
            set_entry(f"/dev/{self.disk}", esp.number, loader)
        except ToolError as error:
            progress.log(f"the firmware did not take a boot entry, the removable path must do: {error}")
        else:
            progress.log(f"boot entry {LABEL!r} starts {loader}, after the network")


def set_entry(disk: str, partition: int, loader: str) -> None:
    """Replace our entry by one for ``loader``, and order: network, ours, the rest. Raises ToolError."""
    for number in stale(parse(run("efibootmgr").stdout)):
        run("efibootmgr", "--quiet", "--bootnum", number, "--delete-bootnum")
    windows_path = "\\" + loader.replace("/", "\\")
    place = ["--disk", disk, "--part", str(partition), "--loader", windows_path]
    run("efibootmgr", "--quiet", "--create", "--label", LABEL, *place)
    order = wanted_order(parse(run("efibootmgr").stdout))
    run("efibootmgr", "--quiet", "--bootorder", ",".join(order))


def _exists(root: Path, path: str) -> bool:
    """Whether ``path`` is there; vfat folds case by itself."""
    return (root / path).is_file()


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

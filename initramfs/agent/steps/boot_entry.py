"""The EFI boot entry of what was installed, and the firmware's order: the network, ours, the rest.

The network stays first, so that the appliance decides every boot. What to do is decided from what
``efibootmgr`` prints, by pure functions. Firmware that refuses to store variables is common; where there is
something on the removable-media path, that starts the system then, and a refusal is only logged with the job.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from initramfs.agent.errors import StepError
from initramfs.agent.pipeline import Context
from initramfs.agent.report import StepProgress
from initramfs.agent.steps.boot_loaders import IGNORE, REMOVABLE, esp_candidates, find_loader
from initramfs.agent.steps.duplicates import Settled
from initramfs.imaging.device.device import Device
from initramfs.imaging.errors import ToolError
from initramfs.imaging.restore.layout import Layout
from initramfs.imaging.run import run
from initramfs.messages import Loader

LABEL = "clonesys"
"""The label of our entry; an entry with it from an earlier run is replaced."""


@dataclass(frozen=True, slots=True)
class SetBootEntry:
    """Make the firmware know the installed system; fails if nothing can start from the disk as it is."""

    disk: str
    loader: Loader = Loader.REQUIRE
    name: str = "boot-entry"

    @property
    def title(self) -> str:
        """With the disk's name."""
        return f"Set the firmware's boot entry for {self.disk}, after the network"

    def run(self, context: Context, progress: StepProgress) -> None:
        """Find the loader that was written, replace our entry, put the order right."""
        label, read = context.find(Layout).label, context.find(Device).read
        numbers = esp_candidates(label, context.find(Settled).filesystems)
        found = find_loader(label, numbers, read) if label else None
        if found is None:
            if self.loader is Loader.REQUIRE:
                raise StepError(f"UEFI cannot start {self.disk}: it holds no boot loader", IGNORE)
            progress.log("there is no boot loader; the boot order is left as it is")
            return
        try:
            set_entry(f"/dev/{self.disk}", found.partition, found.path)
        except ToolError as error:
            if not found.removable and self.loader is Loader.REQUIRE:
                raise StepError(
                    f"the firmware did not take a boot entry, and there is no {REMOVABLE}: {error}",
                    f"put one beside {found.path} on the golden machine, or make the entry by hand",
                ) from error
            progress.log(f"the firmware did not take a boot entry, {REMOVABLE} must do: {error}")
        else:
            progress.log(f"boot entry {LABEL!r} starts {found.path}, after the network")


def set_entry(disk: str, partition: int, loader: str) -> None:
    """Replace our entry by one for ``loader``, and order: network, ours, the rest. Raises ToolError."""
    for number in stale(parse(run("efibootmgr").stdout)):
        run("efibootmgr", "--quiet", "--bootnum", number, "--delete-bootnum")
    windows_path = "\\" + loader.replace("/", "\\")
    place = ["--disk", disk, "--part", str(partition), "--loader", windows_path]
    run("efibootmgr", "--quiet", "--create", "--label", LABEL, *place)
    order = wanted_order(parse(run("efibootmgr").stdout))
    run("efibootmgr", "--quiet", "--bootorder", ",".join(order))


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

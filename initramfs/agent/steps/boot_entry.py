"""The EFI boot entry of what was installed, right after the network in the boot order.

Applies what ``efi`` has decided. Firmware that refuses to store variables is
common; the removable-media path still starts the system then, so a refusal is
logged with the job instead of failing it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from initramfs.agent.pipeline import Context
from initramfs.agent.report import Progress
from initramfs.agent.steps.efi import LABEL, LOADERS, choose_loader, parse, stale, wanted_order
from initramfs.imaging.device.mounting import mounted_part
from initramfs.imaging.errors import ToolError
from initramfs.imaging.label.model import ESP
from initramfs.imaging.run import run


@dataclass(frozen=True, slots=True)
class SetBootEntry:
    """Make the firmware know the installed system."""

    disk: str
    name: str = "boot-entry"

    @property
    def title(self) -> str:
        """For people."""
        return f"Set the firmware's boot entry for {self.disk}, after the network"

    def run(self, context: Context, progress: Progress) -> None:
        """Find the loader on the ESP, replace our entry, put the order right."""
        label = context.running_restore().layout.label
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

"""Duplicates: whether another disk of the machine has an identifier of the images, and what follows from it.

Decided before the first write: refused, or answered with identifiers of the disk's own. ``adapt``
carries that out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from initramfs.agent.errors import PlanError
from initramfs.imaging.device.device import Device
from initramfs.imaging.errors import DiskError
from initramfs.imaging.format.header import Filesystem
from initramfs.imaging.label.model import PartitionNumber
from initramfs.imaging.restore.identifiers import (
    Duplicate,
    Identifier,
    Random,
    Renames,
    collect,
    duplicates,
    fresh,
    identifiers,
)
from initramfs.imaging.restore.layout import Layout
from initramfs.messages import DiskIdentity, Duplicates, Uuids

SHOWN = 3


@dataclass(frozen=True, slots=True)
class Settled:
    """What the images bring (file systems by partition), and which of its identifiers change, if any."""

    filesystems: Mapping[PartitionNumber, Filesystem] = field(default_factory=dict)
    renames: Renames | None = None


def others(paths: Iterable[Path], tell: Callable[[str], None]) -> dict[str, list[Identifier]]:
    """The identifiers on other disks, by their names. One that cannot be read is told and left out."""
    found = {}
    for path in paths:
        try:
            with Device.open(path, shared=True) as device:
                found[path.name] = collect(device)
        except DiskError as error:
            tell(f"{path.name} was not looked at for duplicates: {error.message}")
    return found


def settle(
    wanted: DiskIdentity,
    layout: Layout,
    filesystems: Mapping[PartitionNumber, Filesystem],
    elsewhere: Mapping[str, Iterable[Identifier]],
    random: Random,
) -> Renames | None:
    """What to change, or None. Pure. Raises PlanError for duplicates that are to be refused, or must stay."""
    label = layout.label if layout.whole else None
    same = duplicates(identifiers(label, filesystems), elsewhere)
    if same and wanted.duplicates is Duplicates.REFUSE and wanted.uuids is Uuids.KEEP:
        raise PlanError(
            f"other disks of this machine have the same identifiers: {_named(same)}",
            "remove or wipe that disk, or set identity.duplicates = 'randomise' (or 'ignore') in the profile",
        )
    if wanted.uuids is Uuids.KEEP and not (same and wanted.duplicates is Duplicates.RANDOMISE):
        return None
    renames = fresh(label, filesystems, random)
    stuck = [one for one in same if one.identifier.value in {fs.uuid.lower() for fs in renames.kept.values()}]
    if stuck and wanted.duplicates is not Duplicates.IGNORE:
        raise PlanError(
            f"other disks have the same identifiers, and these cannot be changed: {_named(stuck)}",
            "remove or wipe that disk, or set identity.duplicates = 'ignore' in the profile",
        )
    return renames


def _named(same: list[Duplicate]) -> str:
    texts = [f"{one.disk} has {one.identifier.words}" for one in same]
    more = f", and {len(texts) - SHOWN} more" if len(texts) > SHOWN else ""
    return "; ".join(texts[:SHOWN]) + more

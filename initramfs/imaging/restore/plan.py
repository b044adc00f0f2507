"""The layout of a restore, with a look at the images first: composing, and the little I/O that it needs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from initramfs.imaging.restore.compose import compose
from initramfs.imaging.restore.growing import growing
from initramfs.imaging.restore.look_ahead import look_ahead
from initramfs.messages import Firmware, Fit

if TYPE_CHECKING:
    from initramfs.imaging.device.device import Target
    from initramfs.imaging.format.manifest import Manifest
    from initramfs.imaging.format.source import ChunkSource
    from initramfs.imaging.label.model import Label, PartitionNumber
    from initramfs.imaging.restore.layout import Layout


def plan(
    source: ChunkSource,
    target: Target,
    fit: Fit,
    *,
    disk: Manifest | None = None,
    partitions: Mapping[PartitionNumber, Manifest] | None = None,
    label: Label | None = None,
    firmware: Firmware | None = None,
) -> Layout:
    """As :func:`~initramfs.imaging.restore.compose.compose`, for ``target``. Nothing is written.

    Raises LayoutError, and Missing, Corrupt, Unavailable for the chunks that are looked at.
    """
    images = dict(partitions or {})
    return compose(
        target_size=target.size,
        sector_size=target.sector_size,
        disk=disk,
        partitions=images,
        label=label,
        firmware=firmware,
        grow=fit.grow,
        grow_failure=fit.grow_failure,
        seen=look_ahead(source, disk, growing(disk, images, label, fit.grow)),
    )

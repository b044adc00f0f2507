"""The receipt for a restore: which disk now provably carries which images, and what that took. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from initramfs.messages import Disk, ImageRef, PartitionImage, ProvedImage, Receipt

if TYPE_CHECKING:
    from initramfs.imaging.restore.counts import RestoreCounts
    from initramfs.imaging.restore.restore import Restore


def receipt(restore: Restore, disk: Disk, laid: Sequence[PartitionImage]) -> Receipt:
    """What a committed restore has proved. ``laid`` are its images, the disk's with the number 0."""
    done = restore.counts
    return Receipt(
        disk_name=disk.name,
        disk_serial=disk.serial,
        disk_wwn=disk.wwn,
        images=tuple(part.image for part in laid),
        chunks_total=done.chunks_total,
        chunks_verified=done.chunks_verified,
        bytes_fetched=done.bytes_fetched,
        bytes_written=done.bytes_written + done.bytes_zeroed,
        chunks_fetched=done.chunks_fetched,
        bytes_skipped=done.bytes_skipped,
        bytes_read=done.bytes_read,
        bytes_discarded=done.bytes_discarded,
        disk_size=disk.size,
        carried=tuple(_carried(restore.images, part) for part in laid),
    )


def _carried(images: dict[str, RestoreCounts], part: PartitionImage) -> ProvedImage:
    """An image that lies in two partitions has its counts for both together."""
    done = images.get(title(part.image))
    if done is None:  # others cover it wholly
        return ProvedImage(part.number, part.image)
    return ProvedImage(
        part.number,
        part.image,
        chunks_total=done.chunks_total,
        chunks_verified=done.chunks_verified,
        chunks_fetched=done.chunks_fetched,
        bytes_fetched=done.bytes_fetched,
        bytes_written=done.bytes_written + done.bytes_zeroed,
        bytes_skipped=done.bytes_skipped,
    )


def title(image: ImageRef) -> str:
    """As the engine calls an image: ``name@generation``."""
    return f"{image.name}@{image.generation}"

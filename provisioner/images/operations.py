"""Capturing images into a store, restoring them from it. Joins the engine and a store."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from initramfs.imaging.capture.capture import CaptureCounts, Facts, capture
from initramfs.imaging.device.device import Device
from initramfs.imaging.device.parallel import ProgressCallback, silent
from initramfs.imaging.device.usage import is_partition
from initramfs.imaging.errors import ManifestError
from initramfs.imaging.format.chunk import DEFAULT_CHUNK, DEFAULT_LEVEL
from initramfs.imaging.format.header import Header, Kind
from initramfs.imaging.format.manifest import Manifest
from initramfs.imaging.format.names import partition_of
from initramfs.imaging.format.rules import MAX_TEXT
from initramfs.imaging.format.signed import decode, encode
from initramfs.imaging.label import read_label
from initramfs.imaging.label.model import Bare, PartitionNumber
from initramfs.imaging.restore.grow_filesystem import grow_filesystem
from initramfs.imaging.restore.layout import Layout
from initramfs.imaging.restore.plan import plan
from initramfs.imaging.restore.restore import Restore
from initramfs.imaging.restore.strategy import Adaptive, Everything
from initramfs.imaging.restore.verify_policy import policy_for
from initramfs.messages import Fit
from provisioner.base.errors import ProvisionerError
from provisioner.images.sector_size import sector_size_of_file, sector_size_of_target
from provisioner.stores.kinds import kind_of
from provisioner.stores.names import check_name

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

    from initramfs.imaging.device.device import Target
    from initramfs.imaging.format.source import ChunkSource
    from initramfs.imaging.restore.counts import RestoreCounts
    from provisioner.stores.names import Reference
    from provisioner.stores.protocols import Catalogue, WritableStore

AS_CAPTURED = Fit()
"""Nothing grows."""


@dataclass(frozen=True, slots=True)
class Options:
    """How to capture; see :func:`.capture.capture`.

    ``sector_size`` counts for files; it is recognised by their content if it is not said. ``notes`` are for
    the manifest, in front of the capture's own.
    """

    partition: int | None = None
    empty: Collection[int] = ()
    chunk_size: int = DEFAULT_CHUNK
    level: int = DEFAULT_LEVEL
    force: bool = False
    without_swap: bool = False
    only_partitions: bool = False
    raw: bool = False
    sector_size: int | None = None
    notes: tuple[str, ...] = ()
    progress: ProgressCallback = silent


class Added(NamedTuple):
    """An image that a store has taken."""

    reference: Reference
    header: Header
    counts: CaptureCounts


def load(catalogue: Catalogue, reference: Reference, key: Ed25519PublicKey) -> Manifest:
    """An image's manifest, checked. Raises NoImageError, ManifestError: damaged, or another image's."""
    data = catalogue.manifest(reference)
    try:
        return decode(data, key).expect(reference.name, reference.generation)
    except ManifestError as error:
        raise ManifestError(f"{reference}: {error.message}", error.hint) from error


def everything(
    catalogue: Catalogue, key: Ed25519PublicKey, tell: Callable[[ManifestError], None] | None = None
) -> Iterator[Manifest]:
    """The manifests of all images. ``tell`` gets what is wrong with one; without it that is raised."""
    for name in catalogue.names():
        for generation in catalogue.generations(name):
            try:
                yield load(catalogue, catalogue.resolve(f"{name}@{generation}"), key)
            except ManifestError as error:
                if tell is None:
                    raise
                tell(error)


def facts_of(name: str, source: Path, description: str, user: str, now: float) -> Facts:
    """What an image notes of ``source`` on this machine and of who made it. Raises ImageNameError."""
    return Facts(check_name(name), description, f"{socket.gethostname()}:{source}", user, int(now))


def add_image(
    store: WritableStore, key: Ed25519PrivateKey, source: Path, facts: Facts, options: Options
) -> Added:
    """Capture a disk, partition or file as the next generation of an image.

    Raises DiskError (the source), KindError, StoreError (the store; it then is as before).
    """
    with _open(source, options) as device, store.ingest() as ingest:
        draft = capture(
            device,
            facts,
            ingest,
            partition=options.partition,
            empty=options.empty,
            chunk_size=options.chunk_size,
            level=options.level,
            force=options.force,
            without_swap=options.without_swap,
            only_partitions=options.only_partitions,
            raw=options.raw,
            kind=kind_of(store, facts.name),
            progress=options.progress,
        )

        header = replace(
            draft.header, warnings=(*(note[:MAX_TEXT] for note in options.notes), *draft.header.warnings)
        )

        def sign(generation: int) -> bytes:
            return encode(replace(header, generation=generation), draft.ranges, key)

        return Added(ingest.commit(facts.name, sign), header, draft.count)


def _open(source: Path, options: Options) -> Device:
    sectors = options.sector_size or (sector_size_of_file(source) if source.is_file() else 0)
    return Device.open(source, shared=options.force, sector_size=sectors)


def layout_for(
    image: Manifest, source: ChunkSource, target: Device, partition: int | None = None, fit: Fit = AS_CAPTURED
) -> Layout:
    """Where an image goes on this target.

    A disk image goes everywhere; a partition image to ``partition``, else to the one that its name tells
    (``sda5_Debian``), else, where there is no label, the target itself is the partition.

    Raises LayoutError, LabelError, ProvisionerError.
    """
    if image.header.kind is Kind.DISK:
        if partition is not None:
            raise ProvisionerError(f"{image.title} is the image of a whole disk", "leave out the partition")
        return plan(source, target, fit, disk=image)
    bare = is_partition(target.path)
    label = None if bare else read_label(target.read, target.size, target.sector_size)
    number: PartitionNumber | None = partition_of(image.header.name) if partition is None else partition
    if label is None:
        if partition is not None:
            raise ProvisionerError(f"{target.path} has no partition table", "restore a disk image first")
        number = Bare.BARE
    if number is None:
        raise ProvisionerError(
            f"{target.path} is a disk and {image.title} the image of a partition", "say which partition"
        )
    return plan(source, target, fit, partitions={number: image}, label=label)


def restore_image(
    image: Manifest,
    source: ChunkSource,
    target: Device,
    *,
    partition: int | None = None,
    agree: Callable[[Layout, str], None] = lambda _layout, _failure: None,
    delta: bool = True,
    discard: bool = True,
    fit: Fit = AS_CAPTURED,
    tell: Callable[[str], None] = lambda _words: None,
    progress: ProgressCallback = silent,
) -> RestoreCounts:
    """Write an image and prove it.

    ``agree`` may still refuse, by raising: nothing has been written when it is called, with the layout and
    the reason why an earlier restore to this target had not ended (or an empty text). With ``delta`` the
    target is read first where that pays, and what is right there is left alone. ``fit`` says which
    partition is to fill its room, and what if it cannot; ``tell`` gets what people should know of it.
    Raises DiskError.
    """
    layout = layout_for(image, source, target, partition, fit)
    strategy = Adaptive() if delta else Everything()
    policy = policy_for(target, time.monotonic)
    restore = Restore(
        layout, source, target, progress=progress, strategy=strategy, discard=discard, verify_policy=policy
    )
    agree(layout, restore.last_failure())
    for note in layout.notes:
        tell(note)

    def grown(target: Target) -> None:
        tell(grow_filesystem(layout, target, fit.grow_failure))

    outcome = restore.run(before_commit=grown if layout.grow is not None else None)
    if layout.whole:
        target.reread_label()
    return outcome


def open_target(path: Path, image: Manifest) -> Device:
    """Open a device or file for writing; a file that is not there, or empty, becomes as large as the image.

    Raises DeviceError: in use, not writable.
    """
    expected = image.header.sector_size
    if not path.exists() or (path.is_file() and not path.stat().st_size):
        return Device.create(path, image.header.size, sector_size=expected)
    if image.header.kind is Kind.PARTITION and path.is_file():
        expected = sector_size_of_target(path, expected)
    return Device.open(path, writable=True, sector_size=expected)

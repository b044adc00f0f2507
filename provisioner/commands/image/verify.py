"""Verifying what the store holds; on request also repairing it and setting corrupt chunks aside."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from initramfs.errors import ExplainedError
from initramfs.imaging.device.parallel import ProgressCallback, silent
from initramfs.imaging.format.manifest import Manifest
from initramfs.imaging.format.source import ChunkSource
from provisioner.commands.appliance import Appliance
from provisioner.commands.record import be_ready_to_record, record_change
from provisioner.images.operations import everything, load
from provisioner.images.repair import repair
from provisioner.images.verify import Verification, verify_chunks
from provisioner.security.actors import Actor, Right
from provisioner.security.keys import load_public_key
from provisioner.stores.open import open_store
from provisioner.stores.protocols import ApplianceStore, ChunkKeeper


@dataclass(frozen=True, slots=True)
class VerifyImages:
    """Which images: all, if none is named. ``repair_from``: a store's path or URL, a device, a raw file."""

    names: tuple[str, ...] = ()
    set_aside: bool = False
    repair_from: str = ""


@dataclass(frozen=True, slots=True)
class Verified:
    """How many images were verified, what was found, and what is wrong with manifests."""

    images: int
    chunks: Verification
    damaged: list[str]

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong."""
        return self.chunks.ok and not self.damaged


def verify_images(
    appliance: Appliance, actor: Actor, wish: VerifyImages, progress: ProgressCallback = silent
) -> Verified:
    """Check every chunk of these images. Raises ForbiddenError, NoImageError, ManifestError, StoreError.

    Only a repair and setting aside need a right, and only what they changed is audited.
    """
    if wish.set_aside or wish.repair_from:
        actor.require(Right.IMAGES)
        be_ready_to_record(appliance)
    store = appliance.store
    images, damaged = _wanted(appliance, store, wish.names)
    found = verify_chunks(store, images, progress)
    aside = 0
    try:
        if wish.repair_from and not found.ok:
            _repair(store, found, images, _origin(wish.repair_from))
        for digest in found.corrupt if wish.set_aside else ():
            store.set_aside(digest)
            aside += 1
    except ExplainedError as error:  # what was changed before it is changed
        what = f"repair from {wish.repair_from}" if wish.repair_from else f"{aside} chunks set aside"
        record_change(appliance, actor, "image verify", f"{what}, stopped: {error.message}")
        raise
    changes = [f"{len(found.repaired)} chunks repaired from {wish.repair_from}"] if found.repaired else []
    changes += [f"{aside} chunks set aside"] if aside else []
    if changes:
        record_change(appliance, actor, "image verify", ", ".join(changes))
    return Verified(len(images), found, damaged)


def _wanted(
    appliance: Appliance, store: ApplianceStore, names: tuple[str, ...]
) -> tuple[list[Manifest], list[str]]:
    key = load_public_key(appliance.root)
    if names:
        return [load(store, store.resolve(name), key) for name in names], []
    damaged: list[str] = []
    return list(everything(store, key, lambda error: damaged.append(error.message))), damaged


def _origin(text: str) -> ChunkSource | Path:
    return open_store(text) if "://" in text or Path(text).is_dir() else Path(text)


def _repair(
    store: ChunkKeeper, found: Verification, images: list[Manifest], origin: ChunkSource | Path
) -> None:
    for digest in sorted(repair(store, [*found.corrupt, *found.missing], images, origin)):
        found.repaired.append(digest)
        for listed in (found.corrupt, found.missing):
            if digest in listed:
                listed.remove(digest)

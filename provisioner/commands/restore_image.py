"""Restoring an image to a disk, a partition or a file of the appliance's machine, and proving it there."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from initramfs.imaging.device.parallel import Progress, silent
from initramfs.imaging.format.manifest import Manifest
from initramfs.imaging.format.source import ChunkSource
from initramfs.imaging.restore.layout import Layout
from initramfs.imaging.restore.outcome import Outcome
from provisioner.base.errors import ProvisionerError
from provisioner.commands.appliance import Appliance
from provisioner.images import operations
from provisioner.security.actors import Actor, Right
from provisioner.security.keys import load_public_key
from provisioner.stores.names import Reference

# Host and port only: a path would be ignored.
URL = re.compile(r"http://([^][/:@?#]+|\[[0-9a-f:.]+\])(:\d{1,5})?/?", re.IGNORECASE)
PATIENCE = 30.0
"""Seconds to wait for a server that is away."""


@dataclass(frozen=True, slots=True)
class RestoreImage:
    """Which image, and where to. ``url``: the appliance to fetch chunks from; our own store, if empty."""

    name: str
    target: Path
    partition: int | None = None
    url: str = ""
    delta: bool = True
    discard: bool = True
    grow: int | None = None


def restore_image(
    appliance: Appliance,
    actor: Actor,
    wish: RestoreImage,
    *,
    agree: Callable[[Manifest, Layout, str], None],
    tell: Callable[[str], None],
    progress: Progress = silent,
) -> tuple[Reference, Outcome]:
    """Write the image; which one that was, and what was done. Nothing of the appliance changes.

    ``agree`` may refuse by raising before anything is written to a target that was there, and gets why an
    earlier restore to it did not end. Raises ForbiddenError, NoImageError, ProvisionerError, DiskError.
    """
    actor.require(Right.APPLIANCE)
    store, fresh = appliance.store, not wish.target.exists()
    reference = store.resolve(wish.name)
    image = operations.load(store, reference, load_public_key(appliance.root))

    def agreed(layout: Layout, failure: str) -> None:
        if not fresh:
            agree(image, layout, failure)

    with _source(store, wish.url) as source, operations.open_target(wish.target, image) as device:
        outcome = operations.restore_image(
            image,
            source,
            device,
            partition=wish.partition,
            agree=agreed,
            delta=wish.delta and not fresh,
            discard=wish.discard,
            grow=wish.grow,
            tell=tell,
            progress=progress,
        )
    return reference, outcome


@contextmanager
def _source(store: ChunkSource, url: str) -> Iterator[ChunkSource]:
    """Our own store, or chunks over HTTP. The manifest is always our own store's: it says what is right."""
    if not url:
        yield store
        return
    if not URL.fullmatch(url):
        raise ProvisionerError(f"{url} is no URL of an appliance", "it looks like http://192.0.2.1:8080")
    # Loaded here: http.client takes longer than anything else that a restore from our own store loads.
    from initramfs.agent import fetch  # noqa: PLC0415 - see above
    from initramfs.agent.chunks import HttpChunks  # noqa: PLC0415 - likewise

    clock = fetch.Clock(time.monotonic, time.sleep)
    server = fetch.Appliance(url.rstrip("/"), clock, patience=PATIENCE)
    try:
        yield HttpChunks(server)
    finally:
        server.close_all()

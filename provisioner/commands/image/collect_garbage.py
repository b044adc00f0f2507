"""Deleting the chunks that neither an image nor a job needs any more; captures may go on beside it."""

from __future__ import annotations

from typing import NamedTuple

from provisioner.base import access
from provisioner.commands.appliance import Appliance
from provisioner.commands.record import UnrecordedError, record_change
from provisioner.images.prune import prune
from provisioner.security.actors import Actor, Right
from provisioner.security.keys import load_public_key
from provisioner.stores.errors import StoreError


class Collected(NamedTuple):
    """How many chunks were deleted, and their bytes."""

    chunks: int
    bytes: int


def collect_garbage(appliance: Appliance, actor: Actor) -> Collected:
    """Delete them. Raises ForbiddenError, StoreError; ManifestError while a manifest cannot be read.

    Jobs keep the images that they name, also removed ones, and a backup keeps what its host has sent.
    """
    actor.require(Right.IMAGES)
    # Loaded here, with the database: the help page of the image commands loads this module too.
    from provisioner.jobs import queue  # noqa: PLC0415 - see above

    database = appliance.database
    try:
        found = Collected(
            *prune(
                appliance.store,
                load_public_key(appliance.root),
                keep=lambda: queue.pinned_images(database),
                leased=lambda: queue.is_backing_up(database),
                now=appliance.now(),
            )
        )
    except StoreError as error:  # some are gone by then
        record_change(appliance, actor, "image gc", f"stopped: {error.message}")
        raise
    try:
        record_change(appliance, actor, "image gc", f"{found.chunks} chunks, {found.bytes} bytes")
    except UnrecordedError as error:
        if found.chunks:
            raise
        raise StoreError(
            f"nothing can be deleted, everything is needed: {error.reason}", access.ROOM
        ) from error
    return found

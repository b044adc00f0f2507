"""Removing generations of an image. Their chunks stay until garbage is collected."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from provisioner.base.errors import ConflictError
from provisioner.commands.appliance import Appliance
from provisioner.commands.record import be_ready_to_record, record_change
from provisioner.security.actors import Actor, Right
from provisioner.stores.names import Reference


@dataclass(frozen=True, slots=True)
class RemoveImage:
    """Which image: ``name`` or ``name@generation``, the newest without one; or all its generations."""

    name: str
    all_generations: bool = False


def remove_image(
    appliance: Appliance, actor: Actor, wish: RemoveImage, *, agree: Callable[[tuple[Reference, ...]], None]
) -> tuple[Reference, ...]:
    """Remove them; which they were. ``agree`` may refuse by raising before anything is removed.

    Raises ForbiddenError, NoImageError, StoreError, and ConflictError while a job needs one, or if others get
    one because it is promoted.
    """
    actor.require(Right.IMAGES)
    be_ready_to_record(appliance)
    store = appliance.store
    reference = store.resolve(wish.name)
    numbers = store.generations(reference.name) if wish.all_generations else [reference.generation]
    gone = tuple(store.resolve(f"{reference.name}@{number}") for number in numbers)
    _refuse_promoted(appliance, gone, wish)
    _refuse_needed(appliance, gone)
    agree(gone)
    _refuse_needed(appliance, gone)  # a person takes minutes to answer
    for image in gone:
        store.remove(image)
        record_change(appliance, actor, "image rm", str(image))
    return gone


def _refuse_promoted(appliance: Appliance, gone: tuple[Reference, ...], wish: RemoveImage) -> None:
    promoted = appliance.store.promoted(gone[0].name)
    if not wish.all_generations and promoted == gone[0].generation:
        raise ConflictError(
            f"{gone[0]} is the promoted generation: it is what hosts get",
            f"promote another one first, with 'clonesys image promote {gone[0].name}@GENERATION'",
        )


def _refuse_needed(appliance: Appliance, gone: tuple[Reference, ...]) -> None:
    # Loaded here, with the database: the help page of the image commands loads this module too.
    from provisioner.jobs.queue import jobs_needing  # noqa: PLC0415 - see above

    found = jobs_needing(appliance.database, {image.digest for image in gone})
    needed = [
        f"{image} is needed by job {job.id} on {job.host}, which is {job.state}"
        for image in gone
        for job in found.get(image.digest, ())
    ]
    if needed:
        raise ConflictError(
            "; ".join(needed),
            "nothing was removed. Wait for these jobs, or end them with 'clonesys job cancel'",
        )

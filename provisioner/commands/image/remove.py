"""Removing generations of an image. Their chunks stay until garbage is collected."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

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

    Raises ForbiddenError, NoImageError, StoreError.
    """
    actor.require(Right.IMAGES)
    be_ready_to_record(appliance)
    store = appliance.store
    reference = store.resolve(wish.name)
    numbers = store.generations(reference.name) if wish.all_generations else [reference.generation]
    gone = tuple(store.resolve(f"{reference.name}@{number}") for number in numbers)
    agree(gone)
    for image in gone:
        store.remove(image)
        record_change(appliance, actor, "image rm", str(image))
    return gone

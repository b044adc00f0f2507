"""``image promote``: a generation becomes what hosts get, where the configuration or a profile says so."""

from __future__ import annotations

from dataclasses import dataclass

from provisioner.base.errors import InvalidError
from provisioner.commands.appliance import Appliance
from provisioner.commands.record import be_ready_to_record, record_change
from provisioner.images.operations import load
from provisioner.security.actors import Actor, Right
from provisioner.security.keys import load_public_key
from provisioner.stores.names import LATEST, Reference, Wanted


@dataclass(frozen=True, slots=True)
class PromoteImage:
    """``NAME@GENERATION``, or ``NAME@latest``: which one must be said."""

    name: str


@dataclass(frozen=True, slots=True)
class Promoted:
    """What hosts get now, and the generation that they got before, if one was promoted."""

    image: Reference
    before: int | None


def promote_image(appliance: Appliance, actor: Actor, wish: PromoteImage) -> Promoted:
    """Promote it. Jobs that were made before keep what they were given.

    Raises ForbiddenError, InvalidError without a generation, NoImageError, ManifestError for a damaged one,
    StoreError.
    """
    actor.require(Right.IMAGES)
    wanted = Wanted.parse(wish.name)
    if wanted.promoted or (wanted.generation is None and not wish.name.endswith(f"@{LATEST}")):
        raise InvalidError(
            f"{wish.name} names no generation", (), f"write {wanted.name}@NUMBER, or {wanted.name}@{LATEST}"
        )
    be_ready_to_record(appliance)
    store = appliance.store
    image = store.resolve(wish.name)
    load(store, image, load_public_key(appliance.root))  # what is damaged, no host should get
    before = store.promoted(image.name)
    store.promote(image)
    was = f", before {image.name}@{before}" if before and before != image.generation else ""
    record_change(appliance, actor, "image promote", f"{image}{was}")
    return Promoted(image, before)

"""The images that a profile names, looked up in the appliance's store."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from initramfs.errors import ExplainedError
from initramfs.imaging.format.header import Kind
from initramfs.imaging.format.manifest import Manifest
from initramfs.imaging.format.names import HINT, why_other_kind
from initramfs.messages import Action, Firmware, ImageRef
from provisioner.base.config import Track
from provisioner.base.errors import Problem
from provisioner.commands.appliance import Appliance
from provisioner.images.operations import load
from provisioner.profiles import judging
from provisioner.profiles.actions import ACTIONS
from provisioner.profiles.model import Profile
from provisioner.security.keys import load_public_key
from provisioner.stores.kinds import kind_of


@dataclass(slots=True)
class NamedImages:
    """What a profile's names mean now: images by the dotted path of their field, and why others do not.

    ``other_kinds``: names under which a backup would add a disk to partitions, or the other way round.
    """

    profile: Profile
    manifests: dict[str, Manifest] = field(default_factory=dict)
    other_kinds: list[Problem] = field(default_factory=list)
    _references: dict[str, ImageRef] = field(default_factory=dict)
    _errors: dict[str, ExplainedError] = field(default_factory=dict)

    def resolve(self, name: str) -> ImageRef:
        """The very image that the profile means by a name. Raises ExplainedError if it cannot be had."""
        if name in self._errors:
            raise self._errors[name]
        return self._references[name]

    def contradictions(self, firmware: Firmware | None = None) -> Iterable[Problem]:
        """What no machine could do; of a host with this firmware, if it is known."""
        return (*self.other_kinds, *judging.contradictions(self.profile, self.manifests, firmware))

    def remarks(self) -> tuple[Problem, ...]:
        """What is often not meant; images that are not there yet first."""
        names = self.profile.image_names()
        missing = [(where, self._errors[name]) for where, name in names.items() if name in self._errors]
        found = [Problem(where, error.message, error.hint) for where, error in missing]
        return (*found, *judging.remarks(self.profile, self.manifests))

    def add(self, where: str, name: str, appliance: Appliance, track: Track) -> None:
        """Look one up. A name without a generation means the one that is tracked."""
        try:
            reference = appliance.store.resolve(name if "@" in name else f"{name}@{track}")
            self.manifests[where] = load(appliance.store, reference, load_public_key(appliance.root))
        except ExplainedError as error:
            self._errors[name] = error
        else:
            self._references[name] = ImageRef(reference.name, reference.generation, reference.digest)


def look_up(appliance: Appliance, profile: Profile) -> NamedImages:
    """The images of a profile that writes some; of a backup, whether their names can get what it captures."""
    found = NamedImages(profile)
    if ACTIONS[profile.action].pins:
        track = profile.images.track or appliance.config.images.track
        for where, name in profile.image_names().items():
            found.add(where, name, appliance, track)
    elif profile.action == Action.BACKUP:
        for where, name in profile.image_names().items():
            kind = Kind.DISK if where == judging.DISK else Kind.PARTITION
            if why := why_other_kind(name, kind, kind_of(appliance.store, name)):
                found.other_kinds.append(Problem(where, why, HINT))
    return found

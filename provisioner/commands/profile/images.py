"""The images that a profile names, looked up in the appliance's store."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from initramfs.errors import ExplainedError
from initramfs.imaging.format.manifest import Manifest
from initramfs.messages import Firmware, ImageRef
from provisioner.base.config import Track
from provisioner.base.errors import Problem
from provisioner.commands.appliance import Appliance
from provisioner.images.operations import load
from provisioner.profiles import judging
from provisioner.profiles.actions import ACTIONS
from provisioner.profiles.model import Profile
from provisioner.security.keys import load_public_key


@dataclass(slots=True)
class NamedImages:
    """What a profile's names mean now: images by the dotted path of their field, and why others do not."""

    profile: Profile
    manifests: dict[str, Manifest] = field(default_factory=dict)
    _references: dict[str, ImageRef] = field(default_factory=dict)
    _errors: dict[str, ExplainedError] = field(default_factory=dict)

    def resolve(self, name: str) -> ImageRef:
        """The very image that the profile means by a name. Raises ExplainedError if it cannot be had."""
        if name in self._errors:
            raise self._errors[name]
        return self._references[name]

    def contradictions(self, firmware: Firmware | None = None) -> Iterable[Problem]:
        """What no machine could do; of a host with this firmware, if it is known."""
        return judging.contradictions(self.profile, self.manifests, firmware)

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
    """The images of a profile; none if its action writes none."""
    found = NamedImages(profile)
    if ACTIONS[profile.action].pins:
        track = profile.images.track or appliance.config.images.track
        for where, name in profile.image_names().items():
            found.add(where, name, appliance, track)
    return found

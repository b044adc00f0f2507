"""What an action is to a profile: the tables it takes, its rules, and how it becomes a job's work. Pure.

With what those actions share that write images.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from initramfs.messages import (
    PHONE_HOME_WANTED,
    After,
    Firmware,
    ImageRef,
    PartitionImage,
    Personalisation,
    Work,
)
from provisioner.base.errors import Problem
from provisioner.profiles.model import Profile

TABLES = {
    "images": "takes no images",
    "backup": "captures nothing",
    "personalise": "personalises nothing",
    "boot": "installs no boot loader",
    "fit": "fits nothing to the disk",
    "identity": "writes no identifiers",
}
"""The tables that an action may take, and what is said of one that does not."""
WRITING = frozenset({"images", "personalise", "fit", "identity"})
"""The tables of an action that writes images."""


@dataclass(frozen=True, slots=True)
class HostFacts:
    """What has to be known of a host to make a job for it. ``firmware`` is None until it has been seen."""

    name: str
    domain: str
    firmware: Firmware | None = None


Images = Mapping[str, ImageRef]
"""The pinned images of a profile, by the dotted path of the field that names them."""


@dataclass(frozen=True, slots=True)
class ProfileAction:
    """One action, by its ``name``.

    Attributes:
        work: makes the work for a host. None: there is no job, and the host starts from its own disk.
        takes: those of :data:`TABLES` that the action has a use for.
        rules: what does not fit together in the profile's raw data.
        writes: whether it writes to the host's disk.
        pins: whether its images must be in the store, and their generations are pinned by the job.
        then: what follows success, unless the profile says it.
    """

    name: str
    work: Callable[[Profile, HostFacts, Images], Work] | None
    takes: frozenset[str] = frozenset()
    rules: Callable[[dict[str, Any]], Iterable[Problem]] = lambda _data: ()
    writes: bool = False
    pins: bool = False
    then: After = After.REBOOT

    def problems(self, data: dict[str, Any]) -> Iterator[Problem]:
        """Everything in a profile's raw data that contradicts this action."""
        yield from self.rules(data)
        for name, what in TABLES.items():
            # an empty table of images says the same as none
            found = table(data, "images") if name == "images" else name in data
            if found and name not in self.takes:
                yield Problem(name, f"{self.name} {what}", "remove the table")


def table(data: dict[str, Any], name: str) -> dict[str, Any]:
    """A table of raw data; empty where there is none, or something else."""
    found = data.get(name)
    return found if isinstance(found, dict) else {}


def partition_images(profile: Profile, images: Images) -> tuple[PartitionImage, ...]:
    """The pinned images of partitions, in the partitions' order."""
    return tuple(
        PartitionImage(number, images[f"images.partitions.{number}"])
        for number in sorted(profile.images.partitions)
    )


def personalisation(profile: Profile, host: HostFacts) -> Personalisation | None:
    """What makes the clone this host's own, if the profile asks for it."""
    wanted = profile.personalise
    if wanted is None:
        return None
    return Personalisation(
        root=wanted.root,
        hostname=wanted.hostname or host.name,
        domain=host.domain if wanted.domain is None else wanted.domain,
        phone_home_url=PHONE_HOME_WANTED if wanted.phone_home else "",
        ssh_host_keys=wanted.ssh_host_keys,
    )

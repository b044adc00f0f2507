"""Boot profiles: what a host does at its next network boot, as it is written in TOML. The shape alone.

Images are only names here. ``reading`` makes a profile of a text, ``actions`` has the rules of each action.
"""

from __future__ import annotations

import difflib
import re
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field

from initramfs.messages import (
    TRANSPORTS,
    After,
    DiskIdentity,
    DiskRule,
    Duplicates,
    Firmware,
    GrowFailure,
    Last,
    Loader,
    SshHostKeys,
    Uuids,
)
from initramfs.messages import Fit as FitOrder
from initramfs.messages.names import why_no_domain, why_no_host_name
from provisioner.base.config import Track
from provisioner.base.errors import InvalidError
from provisioner.base.toml import Strict
from provisioner.base.units import MAX_PARTITION, parse_grow, parse_partition, parse_size
from provisioner.stores.names import Wanted

NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}")
"""What a profile may be called; its file is ``profiles/NAME.toml``."""


def _image(text: str) -> str:
    try:
        Wanted.parse(text)
    except InvalidError as error:
        raise ValueError(f"{text!r} is no image name, write NAME or NAME@GENERATION") from error
    return text


def _hostname(text: str) -> str:
    if why := why_no_host_name(text):
        raise ValueError(f"{text!r} cannot be a hostname: it {why}")
    return text


def _domain(text: str) -> str:
    if why := why_no_domain(text):
        raise ValueError(f"{text!r} {why}")
    return text


def _transport(text: str) -> str:
    if text not in TRANSPORTS:
        near = difflib.get_close_matches(text.lower(), TRANSPORTS, n=1, cutoff=0.5)
        known = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(sorted(TRANSPORTS))}"
        raise ValueError(f"{text!r} is no transport that a disk can have; {known}")
    return text


def _disk_name(text: str) -> str:
    if "/" in text or not text:
        raise ValueError(f"{text!r} is no kernel's name of a disk, write it like 'sda' or 'nvme*'")
    return text


def _identity(text: str) -> str:
    if not text.strip():
        raise ValueError("is empty, and would match any disk that tells none; leave it out")
    return text


Size = Annotated[int, BeforeValidator(parse_size), Field(ge=0)]
ImageName = Annotated[str, AfterValidator(_image)]
Partition = Annotated[int, BeforeValidator(parse_partition)]
Grow = Annotated[int | Last | None, BeforeValidator(parse_grow)]


class Disk(Strict):
    """Which disk is meant; the fields of :class:`initramfs.messages.DiskRule`, sizes also as text."""

    name: Annotated[str, AfterValidator(_disk_name)] | None = None
    serial: Annotated[str, AfterValidator(_identity)] | None = None
    wwn: Annotated[str, AfterValidator(_identity)] | None = None
    path: Annotated[str, AfterValidator(_identity)] | None = None
    transport: Annotated[str, AfterValidator(_transport)] | None = None
    min_size: Size | None = None
    max_size: Size | None = None

    def rule(self) -> DiskRule:
        """The same as the agent reads it."""
        return DiskRule(**self.model_dump())


class Images(Strict):
    """What to write: a whole disk, partition images over it, or partition images alone.

    ``track`` says which generation a name without one means; the configuration does, if the profile does not.
    """

    track: Annotated[Track | None, Field(strict=False)] = None
    disk: ImageName | None = None
    partitions: dict[Partition, ImageName] = Field(default_factory=dict)


class Backup(Strict):
    """How a backup captures. ``empty``: partitions that a whole disk's image records as zeros.

    ``without_swap``: likewise what swap files, Windows' page files and its hibernation file hold.
    ``only_partitions``: of a whole disk nothing that lies in no partition, but tables and boot code.
    """

    empty: list[Partition] = Field(default_factory=list)
    without_swap: bool = False
    only_partitions: bool = False


class Personalise(Strict):
    """What makes the clone its own. ``root`` is the partition with the Linux root (5 for sda5).

    Without ``hostname`` the host's own name is used; without ``domain`` the appliance's.
    """

    root: Annotated[int, Field(ge=1, le=MAX_PARTITION)]
    hostname: Annotated[str, AfterValidator(_hostname)] | None = None
    domain: Annotated[str, AfterValidator(_domain)] | None = None
    phone_home: bool = True
    ssh_host_keys: Annotated[SshHostKeys, Field(strict=False)] = SshHostKeys.NEW


class Boot(Strict):
    """Whether a disk that is installed must hold what the machine's firmware starts."""

    loader: Annotated[Loader, Field(strict=False)] = Loader.REQUIRE


class Fit(Strict):
    """How images are fitted to the disk. ``grow``: "last", a partition (5, "sda5"), or "none"."""

    grow: Grow = None
    grow_failure: Annotated[GrowFailure, Field(strict=False)] = GrowFailure.KEEP

    def order(self) -> FitOrder:
        """The same as the agent reads it."""
        return FitOrder(self.grow, self.grow_failure)


class Identity(Strict):
    """The identifiers of disk, partitions and file systems, which all clones of an image share."""

    uuids: Annotated[Uuids, Field(strict=False)] = Uuids.KEEP
    duplicates: Annotated[Duplicates, Field(strict=False)] = Duplicates.REFUSE

    def order(self) -> DiskIdentity:
        """The same as the agent reads it."""
        return DiskIdentity(self.uuids, self.duplicates)


class Profile(Strict):
    """One boot profile. ``action`` is a key of ``actions.ACTIONS``; ``then`` is what follows success."""

    action: str
    description: str = ""
    firmware: Annotated[Firmware | None, Field(strict=False)] = None
    disk: Disk = Disk()
    images: Images = Images()
    backup: Backup = Backup()
    personalise: Personalise | None = None
    boot: Boot = Boot()
    fit: Fit = Fit()
    identity: Identity = Identity()
    then: Annotated[After, Field(strict=False)] = After.REBOOT

    def image_names(self) -> dict[str, str]:
        """Every image it names, by the dotted path of the field that names it."""
        names = {"images.disk": self.images.disk} if self.images.disk else {}
        return names | {
            f"images.partitions.{n}": image for n, image in sorted(self.images.partitions.items())
        }

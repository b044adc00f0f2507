"""Boot profiles: what a host does at its next network boot, as a person writes it in TOML.

Pure: text in, :class:`Profile` or *all* of its problems out. Images are only
names here; whether they exist is asked when a profile is assigned.

Every profile but ``local`` runs once: the agent's contact takes it off the host, which
then starts from its own disk. So nothing here can make a machine boot in a loop.
"""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, ValidationError

from initramfs.messages import Action, After, DiskIdentity, DiskRule, Duplicates, Firmware, Last, Uuids
from initramfs.messages import Fit as FitOrder
from provisioner.base.errors import InvalidError, Problem
from provisioner.base.toml import Strict, parse_toml, problems_of
from provisioner.base.units import MAX_PARTITION, parse_grow, parse_partition, parse_size
from provisioner.hosts.names import LABEL
from provisioner.stores.names import Wanted

NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}")
"""What a profile may be called; its file is ``profiles/NAME.toml``."""
DESTRUCTIVE = frozenset({Action.INITINSTALL, Action.RESTORE, Action.WIPE})
"""Actions that write to the host's disk."""


def _image(text: str) -> str:
    try:
        Wanted.parse(text)
    except InvalidError as error:
        raise ValueError(f"{text!r} is no image name, write NAME or NAME@GENERATION") from error
    return text


def _hostname(text: str) -> str:
    if not LABEL.fullmatch(text):
        raise ValueError(f"{text!r} cannot be a hostname")
    return text


Size = Annotated[int, BeforeValidator(parse_size), Field(ge=0)]
ImageName = Annotated[str, AfterValidator(_image)]
Partition = Annotated[int, BeforeValidator(parse_partition)]
Grow = Annotated[int | Last | None, BeforeValidator(parse_grow)]


class Disk(Strict):
    """Which disk is meant; the fields of :class:`initramfs.messages.DiskRule`, sizes also as text."""

    name: str | None = None
    serial: str | None = None
    wwn: str | None = None
    path: str | None = None
    transport: str | None = None
    min_size: Size | None = None
    max_size: Size | None = None

    def rule(self) -> DiskRule:
        """The same as the agent reads it."""
        return DiskRule(**self.model_dump())


class Images(Strict):
    """What to write: a whole disk, partition images over it, or partition images alone."""

    disk: ImageName | None = None
    partitions: dict[Partition, ImageName] = Field(default_factory=dict)


class Backup(Strict):
    """How a backup captures. ``empty``: partitions that a whole disk's image records as zeros.

    ``without_swap``: likewise what swap files, Windows' page files and its hibernation file hold.
    """

    empty: list[Partition] = Field(default_factory=list)
    without_swap: bool = False


class Personalise(Strict):
    """What makes the clone its own. ``root`` is the partition with the Linux root (5 for sda5).

    Without ``hostname`` the host's own name is used; without ``domain`` the appliance's.
    """

    root: Annotated[int, Field(ge=1, le=MAX_PARTITION)]
    hostname: Annotated[str, AfterValidator(_hostname)] | None = None
    domain: str | None = None
    phone_home: bool = True


class Fit(Strict):
    """How images are fitted to the disk. ``grow``: "last", a partition (5, "sda5"), or "none"."""

    grow: Grow = None

    def order(self) -> FitOrder:
        """The same as the agent reads it."""
        return FitOrder(self.grow)


class Identity(Strict):
    """The identifiers of disk, partitions and file systems, which all clones of an image share."""

    uuids: Annotated[Uuids, Field(strict=False)] = Uuids.KEEP
    duplicates: Annotated[Duplicates, Field(strict=False)] = Duplicates.REFUSE

    def order(self) -> DiskIdentity:
        """The same as the agent reads it."""
        return DiskIdentity(self.uuids, self.duplicates)


class Profile(Strict):
    """One boot profile. ``then`` is what the agent does after success."""

    action: Annotated[Action, Field(strict=False)]
    description: str = ""
    firmware: Annotated[Firmware | None, Field(strict=False)] = None
    disk: Disk = Disk()
    images: Images = Images()
    backup: Backup = Backup()
    personalise: Personalise | None = None
    fit: Fit = Fit()
    identity: Identity = Identity()
    then: Annotated[After, Field(strict=False)] = After.REBOOT

    @property
    def starts_agent(self) -> bool:
        """Whether a job is made of it; only ``local`` does nothing."""
        return self.action is not Action.LOCAL

    @property
    def destructive(self) -> bool:
        """Whether it writes to the host's disk."""
        return self.action in DESTRUCTIVE

    def image_names(self) -> dict[str, str]:
        """Every image it names, by the dotted path of the field that names it."""
        names = {"images.disk": self.images.disk} if self.images.disk else {}
        return names | {
            f"images.partitions.{n}": image for n, image in sorted(self.images.partitions.items())
        }


BUILT_IN = {
    "local": Profile(action=Action.LOCAL, description="start from the own disk"),
    "inventory": Profile(
        action=Action.INVENTORY, description="report what the machine is made of; writes nothing"
    ),
}
"""Profiles that need no file."""


def read_profile(text: str, name: str) -> Profile:
    """The profile in a TOML text. Raises InvalidError with all problems at once, each with path and hint."""
    data = parse_toml(text, f"profile {name!r}")
    problems: list[Problem] = []
    profile = None
    try:
        profile = Profile.model_validate(data)
    except ValidationError as error:
        problems = problems_of(error, Profile)
    seen = {problem.where for problem in problems}
    problems += [problem for problem in _contradictions(data) if problem.where not in seen]
    if profile is None or problems:
        count = f"{len(problems)} problem{'s' * (len(problems) != 1)}"
        raise InvalidError(f"profile {name!r} has {count}", tuple(problems), "mend the file, try again")
    return profile


def _contradictions(data: dict[str, Any]) -> list[Problem]:
    """What does not fit together. Looks at raw data: a typing error elsewhere must not hide these."""
    images, disk = _table(data, "images"), _table(data, "disk")
    found = [*_size_rules(disk), *_twice(_table(images, "partitions"))]
    action = data.get("action")
    if action in list(Action):
        found += [*_image_rules(action, images), *_personal_rules(action, data)]
        found += _backup_rules(action, images, data)
    return found


def _image_rules(action: str, images: dict[str, Any]) -> list[Problem]:
    has_disk, has_partitions = bool(images.get("disk")), bool(images.get("partitions"))
    found = []
    if action == Action.INITINSTALL and not has_disk:
        found.append(
            Problem("images.disk", "initinstall needs a whole-disk image", "see 'clonesys image list'")
        )
    if action == Action.RESTORE and not has_partitions:
        found.append(
            Problem(
                "images.partitions", "restore needs at least one partition image", 'like 5 = "sda5_Debian"'
            )
        )
    if action == Action.RESTORE and has_disk:
        found.append(
            Problem(
                "images.disk", "restore writes partitions only", "use action = 'initinstall' for whole disks"
            )
        )
    if action not in {Action.INITINSTALL, Action.RESTORE, Action.BACKUP} and images:
        found.append(Problem("images", f"{action} takes no images", "remove the table"))
    return found


def _backup_rules(action: str, images: dict[str, Any], data: dict[str, Any]) -> list[Problem]:
    if action != Action.BACKUP:
        return (
            [Problem("backup", f"{action} captures nothing", "remove the table")] if "backup" in data else []
        )
    partitions = _table(images, "partitions")
    found = []
    if not images.get("disk") and not partitions:
        found.append(Problem("images", "backup needs a name for each image", 'like disk = "sda_Golden"'))
    if _table(data, "backup").get("empty") and not images.get("disk"):
        found.append(Problem("backup.empty", "only the image of a whole disk can have emptied partitions"))
    named = {"disk": images.get("disk"), **{f"partitions.{key}": name for key, name in partitions.items()}}
    for where, name in named.items():
        if isinstance(name, str) and "@" in name:
            hint = "leave out the generation"
            found.append(Problem(f"images.{where}", "a backup makes the next generation itself", hint))
    names = [name for name in named.values() if isinstance(name, str) and name]
    if len(set(names)) != len(names):
        found.append(Problem("images", "two images of a backup have the same name"))
    return found


def _personal_rules(action: str, data: dict[str, Any]) -> list[Problem]:
    if action in {Action.INITINSTALL, Action.RESTORE}:
        return []
    words = {
        "personalise": f"{action} personalises nothing",
        "fit": f"{action} fits nothing to the disk",
        "identity": f"{action} writes no identifiers",
    }
    return [Problem(table, what, "remove the table") for table, what in words.items() if table in data]


def _size_rules(disk: dict[str, Any]) -> list[Problem]:
    try:
        low, high = parse_size(disk.get("min_size", 0)), parse_size(disk.get("max_size", 2**63))
    except (ValueError, AttributeError):
        return []  # reported where it stands
    if low > high:
        return [Problem("disk", f"min_size {low} is more than max_size {high}", "no disk can match this")]
    return []


def _twice(partitions: dict[str, Any]) -> list[Problem]:
    seen: dict[int, str] = {}
    found = []
    for key in partitions:
        try:
            number = parse_partition(key)
        except ValueError:
            continue  # reported where it stands
        if number in seen:
            found.append(Problem(f"images.partitions.{key}", f"is the same partition as {seen[number]!r}"))
        seen[number] = key
    return found


def _table(data: dict[str, Any], name: str) -> dict[str, Any]:
    found = data.get(name)
    return found if isinstance(found, dict) else {}

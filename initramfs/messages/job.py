"""What a host is told to do: one run of a boot profile, whose work is one of a union. Sizes are bytes.

A new action is a member of :class:`Action` and of :data:`Work` here; a file of its own, and a line in the
table, in ``initramfs.agent.actions`` and in ``provisioner.profiles.actions``. The checker finds what is
forgotten: what tells works apart ends with ``assert_never``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import Enum, StrEnum
from typing import ClassVar, Final, assert_never

IMAGE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,99}", re.ASCII)
"""What an image may be called: it becomes a folder's name and part of a URL."""


class Action(StrEnum):
    """What a job does. Each is written with its work, and tells which it is."""

    INITINSTALL = "initinstall"
    RESTORE = "restore"
    BACKUP = "backup"
    INVENTORY = "inventory"
    RESCUE = "rescue"


class After(StrEnum):
    """What the agent does when a job has succeeded."""

    REBOOT = "reboot"
    POWEROFF = "poweroff"
    SHELL = "shell"


@dataclass(frozen=True, slots=True)
class DiskRule:
    """Which disk a job may write. All given conditions must hold, and exactly one disk must match.

    Removable and read-only disks never match. An empty rule means: the machine's only disk.
    ``path`` and ``name`` are shell patterns; the others compare exactly.
    """

    name: str | None = None
    serial: str | None = None
    wwn: str | None = None
    path: str | None = None
    transport: str | None = None
    min_size: int | None = None
    max_size: int | None = None


@dataclass(frozen=True, slots=True)
class ImageRef:
    """One image, pinned: ``name@generation`` to read, ``digest`` (SHA-256 of its manifest) to prove it."""

    name: str
    generation: int
    digest: bytes


@dataclass(frozen=True, slots=True)
class PartitionImage:
    """A partition image and the number of the partition it goes to (5 for sda5)."""

    number: int
    image: ImageRef


class SshHostKeys(StrEnum):
    """Whether a clone's SSH server gets keys of its own, or keeps those of the golden machine."""

    NEW = "new"
    KEEP = "keep"


PHONE_HOME_WANTED: Final = "at contact"
"""Stands in ``phone_home_url`` of a queued job until a contact shows where the agent reaches us."""


@dataclass(frozen=True, slots=True)
class Personalisation:
    """What makes a clone this host's own. ``root`` is the number of the partition with the Linux root."""

    root: int
    hostname: str
    domain: str = ""
    phone_home_url: str = ""
    phone_home_token: str = ""
    ssh_host_keys: SshHostKeys = SshHostKeys.NEW


class Uuids(StrEnum):
    """Whether the disk keeps the image's identifiers or gets its own: disk, partitions and file systems."""

    KEEP = "keep"
    NEW = "new"


class Duplicates(StrEnum):
    """What to do when another disk of the machine already carries an identifier of the image."""

    REFUSE = "refuse"
    RANDOMISE = "randomise"
    IGNORE = "ignore"


class Last(StrEnum):
    """Instead of a partition's number: the last one on the disk."""

    LAST = "last"


class GrowFailure(StrEnum):
    """What becomes of a job whose file system cannot grow."""

    KEEP = "keep"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Fit:
    """How images are fitted to the disk.

    Attributes:
        grow: the partition that fills its room, or the last one.
        grow_failure: whether a file system that cannot grow stays as it is, or fails the job.
    """

    grow: int | Last | None = None
    grow_failure: GrowFailure = GrowFailure.KEEP


@dataclass(frozen=True, slots=True)
class DiskIdentity:
    """What becomes of the identifiers that all clones of an image share."""

    uuids: Uuids = Uuids.KEEP
    duplicates: Duplicates = Duplicates.REFUSE


class Loader(StrEnum):
    """Whether a disk that is installed must hold what this machine's firmware starts."""

    REQUIRE = "require"
    IGNORE = "ignore"


@dataclass(frozen=True, slots=True)
class Install:
    """Write a whole disk, and partition images over it."""

    action: ClassVar[Action] = Action.INITINSTALL
    disk_image: ImageRef
    disk: DiskRule = field(default_factory=DiskRule)
    partition_images: tuple[PartitionImage, ...] = ()
    personalisation: Personalisation | None = None
    fit: Fit = field(default_factory=Fit)
    identity: DiskIdentity = field(default_factory=DiskIdentity)
    loader: Loader = Loader.REQUIRE


@dataclass(frozen=True, slots=True)
class RestorePartitions:
    """Write some partitions of a disk, and leave the others alone."""

    action: ClassVar[Action] = Action.RESTORE
    partition_images: tuple[PartitionImage, ...]
    disk: DiskRule = field(default_factory=DiskRule)
    personalisation: Personalisation | None = None
    fit: Fit = field(default_factory=Fit)
    identity: DiskIdentity = field(default_factory=DiskIdentity)


@dataclass(frozen=True, slots=True)
class PartitionName:
    """The number of a partition, and the name of the image that it is captured into."""

    number: int
    name: str


@dataclass(frozen=True, slots=True)
class Backup:
    """Capture the whole disk as ``disk_image``, if it is named, and each of ``partitions``.

    ``empty`` lists partitions that the whole disk's image records as zeros. ``without_swap`` also makes
    zeros of what swap, page and hibernation files hold, ``only_partitions`` leaves out of a whole disk what
    lies in no partition.
    """

    action: ClassVar[Action] = Action.BACKUP
    disk: DiskRule = field(default_factory=DiskRule)
    disk_image: str | None = None
    partitions: tuple[PartitionName, ...] = ()
    description: str = ""
    empty: tuple[int, ...] = ()
    without_swap: bool = False
    only_partitions: bool = False

    def names(self) -> tuple[str, ...]:
        """The names of all images it makes."""
        return (*filter(None, (self.disk_image,)), *(part.name for part in self.partitions))


@dataclass(frozen=True, slots=True)
class TakeInventory:
    """Tell what the machine is made of. The contact has done so already."""

    action: ClassVar[Action] = Action.INVENTORY


@dataclass(frozen=True, slots=True)
class Rescue:
    """Offer a shell on the consoles."""

    action: ClassVar[Action] = Action.RESCUE


Work = Install | RestorePartitions | Backup | TakeInventory | Rescue


class WholeDisk(Enum):
    """The place of an image that covers a whole disk. Written as 0, which no partition has for a number."""

    WHOLE_DISK = 0


WHOLE_DISK = WholeDisk.WHOLE_DISK

Place = int | WholeDisk
"""Where an image lies on a disk: the number of its partition, or all of it."""


@dataclass(frozen=True, slots=True)
class Job:
    """One run of a profile on this host."""

    id: int
    profile: str
    work: Work
    after: After = After.REBOOT


def images_by_place(work: Work) -> tuple[tuple[Place, ImageRef], ...]:
    """The images that the work needs, and where they are laid; the whole disk's comes first."""
    match work:
        case Install():
            return ((WHOLE_DISK, work.disk_image), *_partitions(work.partition_images))
        case RestorePartitions():
            return _partitions(work.partition_images)
        case Backup() | TakeInventory() | Rescue():
            return ()
        case _:
            assert_never(work)


def _partitions(images: tuple[PartitionImage, ...]) -> tuple[tuple[Place, ImageRef], ...]:
    return tuple((part.number, part.image) for part in images)

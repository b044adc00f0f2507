"""What a host is told to do: one run of a boot profile. Sizes are bytes."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum


class Action(StrEnum):
    """What a job does (design: boot profile). What this agent cannot do yet, it refuses by name."""

    LOCAL = "local"
    INITINSTALL = "initinstall"
    RESTORE = "restore"
    BACKUP = "backup"
    INVENTORY = "inventory"
    WIPE = "wipe"
    RESCUE = "rescue"
    HOLD = "hold"


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
    """One image, pinned: ``name@generation`` for people, ``digest`` (SHA-256 of its manifest) for proof."""

    name: str
    generation: int
    digest: bytes


@dataclass(frozen=True, slots=True)
class PartitionImage:
    """A partition image and the number of the partition it goes to (5 for sda5)."""

    number: int
    image: ImageRef


@dataclass(frozen=True, slots=True)
class Personalisation:
    """What makes a clone this host's own. ``root`` is the number of the partition with the Linux root."""

    root: int
    hostname: str
    domain: str = ""
    phone_home_url: str = ""
    phone_home_token: str = ""


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


@dataclass(frozen=True, slots=True)
class Fit:
    """How images are fitted to the disk. ``grow``: the partition that fills its room, or the last one."""

    grow: int | Last | None = None


@dataclass(frozen=True, slots=True)
class DiskIdentity:
    """What becomes of the identifiers that all clones of an image share."""

    uuids: Uuids = Uuids.KEEP
    duplicates: Duplicates = Duplicates.REFUSE


@dataclass(frozen=True, slots=True)
class Backup:
    """How to capture: ``empty`` lists partitions that a whole disk's image records as zeros.

    ``without_swap`` also makes zeros of what swap, page and hibernation files hold.
    """

    description: str = ""
    empty: tuple[int, ...] = ()
    without_swap: bool = False


@dataclass(frozen=True, slots=True)
class Job:
    """One run of a profile on this host.

    ``disk_image`` is set for ``initinstall``; ``partition_images`` are laid over it. For ``backup``, both
    say under which names to capture what; their generations are 0 and their digests empty.
    """

    id: int
    action: Action
    profile: str
    disk: DiskRule = field(default_factory=DiskRule)
    disk_image: ImageRef | None = None
    partition_images: tuple[PartitionImage, ...] = ()
    personalisation: Personalisation | None = None
    fit: Fit = field(default_factory=Fit)
    identity: DiskIdentity = field(default_factory=DiskIdentity)
    after: After = After.REBOOT
    backup: Backup | None = None

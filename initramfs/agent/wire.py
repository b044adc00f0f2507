"""The messages that the agent and the appliance exchange, as JSON.

A leaf that both sides import. Plain frozen dataclasses; :func:`decode` is
strict about types and required fields and lenient about unknown ones, so that an older
agent understands a newer appliance. Sizes are bytes, times are seconds since the epoch.

The exchange:

1. ``POST /api/v1/agent/contact`` :class:`Contact` → :class:`Signed` by the appliance, around an
   :class:`Assignment`. The nonce from the boot script is used up by it.
2. ``GET /api/v1/agent/manifests/<digest>`` → a signed manifest (``docs/image-format.md``).
3. ``GET /store/chunks/<first two hex digits>/<digest>`` → a chunk.
4. ``POST /api/v1/agent/jobs/<id>/reports`` :class:`Reports` → 204.
5. ``POST /api/v1/agent/jobs/<id>/result`` :class:`Signed` by the host, with the key that its contact
   told, around a :class:`Statement` → 204.

A backup sends instead of fetching:

6. ``POST /api/v1/agent/chunks/missing`` :class:`Digests` → :class:`Digests`: those that have to be sent.
7. ``PUT /api/v1/agent/chunks/<digest>``, a chunk's object → 204. Checked on arrival.
8. ``POST /api/v1/agent/images``, an unsigned manifest (``docs/image-format.md``, without the signature)
   → :class:`ImageRef`: the appliance has signed it, and the image is there.

All from 2 on but 3 carry ``Authorization: Bearer <token>`` from the assignment. Every
request may be repeated, because an answer can be lost on its way: a contact is
known by nonce, challenge and key together, a report by its ``sequence``, an image by being the same.
"""

from __future__ import annotations

import base64
import binascii
import json
import types
from dataclasses import asdict, dataclass, field, fields, is_dataclass
from enum import StrEnum
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints


class WireError(ValueError):
    """The other side sent something that is not the message it should be; the text says where and what."""


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


class FirmwareType(StrEnum):
    """How the machine was started, as the agent sees it (``/sys/firmware/efi``), or what an image needs."""

    BIOS = "bios"
    UEFI = "uefi"


# --- inventory -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class System:
    """The DMI identity, as ``/sys/class/dmi/id`` gives it; empty where the firmware says nothing."""

    vendor: str = ""
    product: str = ""
    serial: str = ""
    uuid: str = ""
    bios_version: str = ""


@dataclass(frozen=True, slots=True)
class Disk:
    """One whole disk. ``name`` is the kernel's (``sda``), ``path`` a stable sysfs path."""

    name: str
    size: int
    logical_sector_size: int
    physical_sector_size: int
    model: str = ""
    serial: str = ""
    wwn: str = ""
    path: str = ""
    transport: str = ""
    rotational: bool = False
    removable: bool = False
    read_only: bool = False


@dataclass(frozen=True, slots=True)
class Nic:
    """One Ethernet interface. ``speed`` is Mbit/s, 0 where unknown."""

    name: str
    mac: str
    driver: str = ""
    speed: int = 0
    carrier: bool = False
    addresses: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Inventory:
    """What the machine is made of."""

    system: System
    firmware: FirmwareType
    cpu_model: str
    cpu_count: int
    memory: int
    disks: tuple[Disk, ...]
    nics: tuple[Nic, ...]


# --- the job ---------------------------------------------------------------------------------------------


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
    """One image, pinned: ``name@generation`` for people, ``digest`` (hex SHA-256 of manifest) for proof."""

    name: str
    generation: int
    digest: str


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


LAST = 0
"""Instead of a partition's number: the last one on the disk."""


@dataclass(frozen=True, slots=True)
class Fit:
    """How images are fitted to the disk. ``grow``: the partition that fills its room, or ``LAST``."""

    grow: int | None = None


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


# --- the exchange ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Contact:
    """The agent's first word. ``challenge`` is random and comes back signed: no answer can be replayed.

    ``host_key`` is the public half of the host's Ed25519 key for this boot: 64 hexadecimal digits.
    """

    nonce: str
    challenge: str
    agent_version: str
    mac: str
    inventory: Inventory
    host_key: str


@dataclass(frozen=True, slots=True)
class Assignment:
    """The appliance's answer to a contact. Without a job the agent reboots into the local disk.

    ``host_key`` is the contact's: had somebody changed it on its way, it would come back as his. ``attempt``
    counts how often the job was given out, from 1. ``now`` is the appliance's time of day, in which the agent
    dates its reports: its own clock may say 1970. None: it is not told.
    """

    challenge: str
    host_key: str
    host: str
    token: str
    job: Job | None
    attempt: int = 0
    now: float | None = None


@dataclass(frozen=True, slots=True)
class Signed:
    """Ed25519 over the JSON bytes in ``payload``; both fields base64. Whose key, says the exchange."""

    payload: str
    signature: str

    def parts(self) -> tuple[bytes, bytes]:
        """``(payload, signature)`` as bytes. Raises WireError if either is not base64."""
        try:
            return base64.b64decode(self.payload, validate=True), base64.b64decode(
                self.signature, validate=True
            )
        except binascii.Error as error:
            raise WireError(f"signed message is not base64: {error}") from error

    @classmethod
    def of(cls, payload: bytes, signature: bytes) -> Signed:
        """Wrap what was signed."""
        return cls(base64.b64encode(payload).decode(), base64.b64encode(signature).decode())


class StepState(StrEnum):
    """The life of a step; PROGRESS may come any number of times, LOG carries a line for people."""

    PLANNED = "planned"
    STARTED = "started"
    PROGRESS = "progress"
    LOG = "log"
    FINISHED = "finished"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Report:
    """One event of a job. ``step`` is the step's short name (``write``); ``title`` is for people.

    ``done``/``total`` are bytes for steps that move bytes, else 0.
    """

    sequence: int
    at: float
    step: str
    state: StepState
    title: str = ""
    detail: str = ""
    done: int = 0
    total: int = 0


@dataclass(frozen=True, slots=True)
class Reports:
    """A batch of reports, oldest first."""

    reports: tuple[Report, ...]


@dataclass(frozen=True, slots=True)
class Carried:
    """One image on a disk, as it was proved. ``number`` is its partition's, 0 if it is the whole disk's.

    An image that was laid into several partitions has in each of its entries the counts of all together.
    """

    number: int
    image: ImageRef
    chunks_total: int = 0
    chunks_verified: int = 0
    chunks_fetched: int = 0
    bytes_fetched: int = 0
    bytes_written: int = 0
    bytes_skipped: int = 0


@dataclass(frozen=True, slots=True)
class Receipt:
    """What was proved: which disk now carries which images, and what it took (bytes; seconds per step).

    Whose disk that is, says the :class:`Statement` around it. ``bytes_skipped`` were right already;
    ``bytes_discarded`` is what the disk was told to be unused.
    """

    disk_name: str
    disk_serial: str
    disk_wwn: str
    images: tuple[ImageRef, ...]
    chunks_total: int
    chunks_verified: int
    bytes_fetched: int
    bytes_written: int
    seconds: dict[str, float] = field(default_factory=dict)
    chunks_fetched: int = 0
    bytes_skipped: int = 0
    bytes_read: int = 0
    bytes_discarded: int = 0
    disk_size: int = 0
    carried: tuple[Carried, ...] = ()


@dataclass(frozen=True, slots=True)
class Result:
    """How a job ended. ``error`` and ``hint`` are for people: what was found, what to do."""

    ok: bool
    error: str = ""
    hint: str = ""
    receipt: Receipt | None = None


@dataclass(frozen=True, slots=True)
class Statement:
    """What a host signs at the end: the result, and of what. So it is good for this attempt alone."""

    host: str
    job: int
    attempt: int
    result: Result


@dataclass(frozen=True, slots=True)
class Digests:
    """Chunks by name, 64 hexadecimal digits each."""

    digests: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PhoneHome:
    """``POST /api/v1/phone-home``: the installed system says that it is up, under which name."""

    token: str
    hostname: str


# --- JSON ------------------------------------------------------------------------------------------------

T = TypeVar("T")


def encode(message: Any) -> bytes:
    """Canonical JSON (sorted keys, no spaces) of a message."""
    return json.dumps(asdict(message), sort_keys=True, separators=(",", ":")).encode()


def decode(kind: type[T], data: bytes) -> T:
    """Read a message of type ``kind``. Raises WireError with the path of the field at fault."""
    try:
        value = json.loads(data)
    except ValueError as error:
        raise WireError(f"{kind.__name__}: not JSON: {error}") from error
    result: T = _convert(kind, value, kind.__name__)
    return result


def _convert(kind: Any, value: Any, where: str) -> Any:
    origin = get_origin(kind)
    if origin in (Union, types.UnionType):
        if value is None:
            return None
        (inner,) = (option for option in get_args(kind) if option is not type(None))
        return _convert(inner, value, where)
    if origin is tuple:
        _expect(isinstance(value, list), where, "a list", value)
        return tuple(_convert(get_args(kind)[0], item, f"{where}[{i}]") for i, item in enumerate(value))
    if origin is dict:
        _expect(isinstance(value, dict), where, "an object", value)
        return {key: _convert(get_args(kind)[1], item, f"{where}.{key}") for key, item in value.items()}
    if is_dataclass(kind):
        return _object(kind, value, where)
    return _scalar(kind, value, where)


def _object(kind: Any, value: Any, where: str) -> Any:
    _expect(isinstance(value, dict), where, "an object", value)
    hints = get_type_hints(kind)
    known = {
        f.name: _convert(hints[f.name], value[f.name], f"{where}.{f.name}")
        for f in fields(kind)
        if f.name in value
    }
    try:
        return kind(**known)
    except TypeError as error:
        raise WireError(f"{where}: {error}") from error


def _scalar(kind: Any, value: Any, where: str) -> Any:
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        try:
            return kind(value)
        except ValueError as error:
            raise WireError(f"{where}: {error}") from error
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    _expect(type(value) is kind, where, kind.__name__, value)
    return value


def _expect(holds: bool, where: str, what: str, value: Any) -> None:  # noqa: FBT001 - an assertion's first argument
    if not holds:
        raise WireError(f"{where}: expected {what}, found {value!r:.80}")

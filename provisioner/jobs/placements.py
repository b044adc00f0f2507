"""Receipts as the appliance keeps them: signed twice; and which disks carry what, read from them. Pure.

A receipt says what an agent proved: it read every chunk back from the disk. The host signs it with the
key of its boot (``security.signatures`` checks that), and the appliance signs all of it on arrival: that
proves when it came, under which key, and that it was not changed since.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from initramfs.messages import (
    WHOLE_DISK,
    MessageError,
    Place,
    ProvedImage,
    Receipt,
    Signed,
    WholeDisk,
    decode,
    encode,
)
from provisioner.base.errors import ProvisionerError


@dataclass(frozen=True, slots=True)
class StoredReceipt:
    """What is signed: the receipt, whose it is, and when it came in (seconds since the epoch, our clock).

    ``statement`` is what the host signed, as it came, and ``host_key`` checks it (64 hexadecimal digits).
    Receipts of earlier versions have neither.
    """

    host: str
    mac: str
    job: int
    attempt: int
    received: float
    receipt: Receipt
    host_key: str = ""
    statement: Signed | None = None


@dataclass(frozen=True, slots=True)
class Placement:
    """A disk that provably carried an image when its receipt came in, and that no later job has written to.

    For an image of a whole disk, ``replaced`` are the partitions that carry images of their own.
    ``host_key`` is empty where the appliance alone has signed.
    """

    image: str
    generation: int
    digest: bytes
    partition: Place
    host: str
    disk: str
    serial: str
    wwn: str
    job: int
    received: float
    host_key: str = ""
    replaced: tuple[int, ...] = ()


@dataclass(slots=True)
class _Disk:
    kept: StoredReceipt
    carried: dict[Place, tuple[ProvedImage, StoredReceipt]] = field(default_factory=dict)


def sign(kept: StoredReceipt, key: Ed25519PrivateKey) -> Signed:
    """The receipt as it is stored."""
    payload = encode(kept)
    return Signed.of(payload, key.sign(payload))


def open_signed(signed: Signed, key: Ed25519PublicKey) -> StoredReceipt:
    """A stored receipt. Raises ProvisionerError if ``key`` has not signed it."""
    try:
        payload, signature = signed.parts()
        key.verify(signature, payload)
        return decode(StoredReceipt, payload)
    except (InvalidSignature, MessageError) as error:
        raise ProvisionerError(
            "a stored receipt is not as this appliance has signed it",
            "the database was changed by hand, or the keys are not those of this appliance",
        ) from error


def placements(receipts: Iterable[StoredReceipt], written: dict[str, int]) -> list[Placement]:
    """What all disks carry, by the latest receipts, by host and partition.

    ``receipts`` come oldest first. ``written`` maps a host to the latest of its jobs that began to write a
    disk and brought no receipt: what its disks carry since is not proved. A later image of a whole disk
    supersedes all on it, one of a partition what was in that partition.
    """
    disks: dict[tuple[str, ...], _Disk] = {}
    for kept in receipts:
        disk = disks.setdefault(_identity(kept), _Disk(kept))
        disk.kept = kept
        if any(item.number is WHOLE_DISK for item in kept.receipt.carried):
            disk.carried.clear()
        disk.carried.update({item.number: (item, kept) for item in kept.receipt.carried})
    proved = [disk for disk in disks.values() if disk.kept.job > written.get(disk.kept.host, 0)]
    return sorted(
        (placement for disk in proved for placement in _placements(disk)),
        key=lambda found: (found.host, found.disk, _order(found.partition)),
    )


def _identity(kept: StoredReceipt) -> tuple[str, ...]:
    """A WWN is unique in the world; serials are not (virtual disks share them), names are only on a host."""
    found = kept.receipt
    return (found.disk_wwn,) if found.disk_wwn else (kept.host, found.disk_serial or found.disk_name)


def _order(place: Place) -> int:
    """The whole disk comes before its partitions."""
    return 0 if isinstance(place, WholeDisk) else place


def _placements(disk: _Disk) -> Iterator[Placement]:
    replaced = tuple(sorted(number for number in disk.carried if not isinstance(number, WholeDisk)))
    for number, (item, kept) in disk.carried.items():
        placement = Placement(
            image=item.image.name,
            generation=item.image.generation,
            digest=item.image.digest,
            partition=number,
            host=disk.kept.host,
            disk=disk.kept.receipt.disk_name,
            serial=kept.receipt.disk_serial,
            wwn=kept.receipt.disk_wwn,
            job=kept.job,
            received=kept.received,
            host_key=kept.host_key,
        )
        yield replace(placement, replaced=replaced) if number is WHOLE_DISK else placement

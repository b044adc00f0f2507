"""What the agent and the appliance say to each other, as JSON.

A leaf that both sides import. Plain frozen dataclasses and one codec.
Sizes are bytes, times are seconds since the epoch.

The exchange:

1. ``POST /api/v1/agent/contact`` :class:`Contact`, its nonce also in the header ``Authorization: Nonce …`` →
   :class:`Signed` by the appliance, around an
   :class:`Assignment`. The nonce from the boot script is used up by it.
2. ``GET /api/v1/agent/manifests/<digest>`` → a signed manifest (``docs/dev/image-format.md``).
3. ``GET /store/chunks/<first two hex digits>/<digest>`` → a chunk.
4. ``POST /api/v1/agent/jobs/<id>/reports`` :class:`Reports` → 204.
5. ``POST /api/v1/agent/jobs/<id>/result`` :class:`Signed` by the host, with the key that its contact
   told, around a :class:`Statement` → 204.

A backup sends instead of fetching:

6. ``POST /api/v1/agent/chunks/missing`` :class:`Digests` → :class:`Digests`: those that have to be sent.
7. ``PUT /api/v1/agent/chunks/<digest>``, a chunk's object → 204. Checked on arrival.
8. ``POST /api/v1/agent/images``, an unsigned manifest (``docs/dev/image-format.md``, without the signature)
   → :class:`ImageRef`: the appliance has signed it, and the image is there.

All from 2 on but 3 carry ``Authorization: Bearer <token>`` from the assignment. Every
request may be repeated, because an answer can be lost on its way: a contact is
known by nonce, challenge and key together, a report by its ``sequence``, an image by being the same.
An agent whose token is not known any more (401) repeats its contact, and goes on with the same job.
"""

from __future__ import annotations

from initramfs.messages.codec import MessageError, decode, encode
from initramfs.messages.exchange import (
    MAX_DIGESTS,
    NONCE_SCHEME,
    PROTOCOL,
    Assignment,
    Contact,
    Digests,
    PhoneHome,
    Signed,
)
from initramfs.messages.job import (
    IMAGE_NAME,
    PHONE_HOME_WANTED,
    WHOLE_DISK,
    Action,
    After,
    Backup,
    DiskIdentity,
    DiskRule,
    Duplicates,
    Fit,
    GrowFailure,
    ImageRef,
    Install,
    Job,
    Last,
    Loader,
    PartitionImage,
    PartitionName,
    Personalisation,
    Place,
    Rescue,
    RestorePartitions,
    SshHostKeys,
    TakeInventory,
    Uuids,
    WholeDisk,
    Work,
    images_by_place,
)
from initramfs.messages.machine import MAX_WORDS, TRANSPORTS, Disk, Firmware, Inventory, Nic, System
from initramfs.messages.reports import (
    FIRST_WRITE,
    MAX_REPORTS,
    MAX_TEXT,
    MAX_TITLE,
    Report,
    Reports,
    StepState,
)
from initramfs.messages.result import ProvedImage, Receipt, Result, Statement

__all__ = [
    "FIRST_WRITE",
    "IMAGE_NAME",
    "MAX_DIGESTS",
    "MAX_REPORTS",
    "MAX_TEXT",
    "MAX_TITLE",
    "MAX_WORDS",
    "NONCE_SCHEME",
    "PHONE_HOME_WANTED",
    "PROTOCOL",
    "TRANSPORTS",
    "WHOLE_DISK",
    "Action",
    "After",
    "Assignment",
    "Backup",
    "Contact",
    "Digests",
    "Disk",
    "DiskIdentity",
    "DiskRule",
    "Duplicates",
    "Firmware",
    "Fit",
    "GrowFailure",
    "ImageRef",
    "Install",
    "Inventory",
    "Job",
    "Last",
    "Loader",
    "MessageError",
    "Nic",
    "PartitionImage",
    "PartitionName",
    "Personalisation",
    "PhoneHome",
    "Place",
    "ProvedImage",
    "Receipt",
    "Report",
    "Reports",
    "Rescue",
    "RestorePartitions",
    "Result",
    "Signed",
    "SshHostKeys",
    "Statement",
    "StepState",
    "System",
    "TakeInventory",
    "Uuids",
    "WholeDisk",
    "Work",
    "decode",
    "encode",
    "images_by_place",
]

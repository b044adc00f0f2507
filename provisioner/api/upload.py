"""What a host that is being backed up sends: chunks, and the images they make.

Only the agent of a running backup job may send, and only images that its job names. Chunks
are proved on arrival; an image is signed and appears when all of its chunks are there and durable.
Every request may be repeated.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import Annotated

from anyio import CapacityLimiter
from anyio.to_thread import run_sync
from fastapi import APIRouter, Depends, Response

from initramfs import messages
from initramfs.imaging.errors import Corrupt, ManifestError
from initramfs.imaging.format.chunk import MAX_CHUNK
from initramfs.imaging.format.header import Header
from initramfs.imaging.format.index import Index
from initramfs.imaging.format.signed import decode_draft, encode, encode_draft
from provisioner.api.bodies import body
from provisioner.api.messages import described, parse_digest, reader
from provisioner.api.services import JSON, NO_CONTENT, Bearer, Served, Services
from provisioner.base.errors import InvalidError, Problem
from provisioner.base.text import line
from provisioner.images.operations import load
from provisioner.images.verify import needed_of
from provisioner.jobs import contact
from provisioner.jobs.contact import BackingUp
from provisioner.stores.names import Reference
from provisioner.timeline import audit

MAX_OBJECT = MAX_CHUNK + (64 << 10)
"""Bytes of a chunk's object: content that does not compress grows a little."""
MAX_DRAFT = 256 << 20
"""Bytes of an unsigned manifest: 5 TiB in use, in chunks of 1 MiB."""

STORING = 12
"""Uploads that a process works at a time, of its forty threads: a slow disk, on which each waits, must not
keep agents' reports, machines' contacts, pages and the question for our own health waiting."""
COMMITTING = 4
"""Images that it adds at a time: each waits for the disk, and its agent asks for it again meanwhile."""

router = APIRouter(prefix="/api/v1/agent", tags=["agent"])


def backing_up(token: Bearer, served: Served) -> BackingUp:
    """The backup job whose agent asks. Raises TokenError, ForeignTokenError, ConflictError."""
    return contact.authorise_backup(served.database, token, served.now())


Job = Annotated[BackingUp, Depends(backing_up)]


@router.post("/chunks/missing", openapi_extra=described(messages.Digests))
async def missing(
    job: Job, message: Annotated[messages.Digests, Depends(reader(messages.Digests))], served: Served
) -> Response:
    """Which of these chunks have to be sent. The others stay for this job."""
    for digest in message.digests:
        parse_digest(digest.hex())
    found = await run_sync(served.store.uploads.missing, job.owner, message.digests, limiter=_storing())
    return _json(messages.Digests(tuple(found)))


@router.put("/chunks/{name}", status_code=NO_CONTENT)
async def put(name: str, job: Job, data: Annotated[bytes, Depends(body(MAX_OBJECT))], served: Served) -> None:
    """Keep one chunk, if it is the one it should be."""
    digest = parse_digest(name)
    try:
        await run_sync(served.store.uploads.put, job.owner, digest, data, limiter=_storing())
    except Corrupt as error:
        raise _invalid("chunk", error.message, "the host's memory or the network has changed it") from error


@router.post("/images")
async def add_image(job: Job, data: Annotated[bytes, Depends(body(MAX_DRAFT))], served: Served) -> Response:
    """Sign an image and let it appear as the next generation, at once."""
    return await run_sync(_add_image, job, data, served, limiter=_committing())


def _add_image(job: BackingUp, data: bytes, served: Services) -> Response:
    try:
        header, index = decode_draft(data)
    except ManifestError as error:
        raise _invalid("image", error.message, "is the initramfs of another version?") from error
    if header.name not in job.images:
        raise _invalid("image", f"job {job.number} does not capture {header.name}", "see the profile")
    origin = line(f"{job.host}:{header.origin}", 4096)
    header = replace(header, origin=origin, user=f"job {job.number}", date=int(served.now()))
    found = _repeated(served, header, index) or _add(served, job, header, index)
    return _json(messages.ImageRef(found.name, found.generation, found.digest))


@cache
def _storing() -> CapacityLimiter:
    return CapacityLimiter(STORING)


@cache
def _committing() -> CapacityLimiter:
    return CapacityLimiter(COMMITTING)


def _add(served: Services, job: BackingUp, header: Header, index: Index) -> Reference:
    def sign(generation: int) -> bytes:
        return encode(replace(header, generation=generation), index, served.signing_key)

    added = served.store.uploads.commit(job.owner, header.name, needed_of(index), sign)
    audit.record(served.database, f"job {job.number}", "image backup", f"{added} of {job.host}", served.now())
    return added


def _repeated(served: Services, header: Header, index: Index) -> Reference | None:
    """The image that this same request has added before its answer was lost."""
    store = served.store
    if not store.generations(header.name):
        return None
    latest = store.resolve(header.name)
    try:
        image = load(store, latest, served.signing_key.public_key())
    except ManifestError:
        return None  # 'clonesys image verify' names it
    known = replace(image.header, generation=header.generation, date=header.date)
    return latest if encode_draft(known, image.index) == encode_draft(header, index) else None


def _invalid(where: str, what: str, hint: str = "") -> InvalidError:
    return InvalidError(what, (Problem(where, what, hint),), hint)


def _json(message: object) -> Response:
    return Response(messages.encode(message), media_type=JSON)

"""What agents and installed systems say, as :mod:`initramfs.messages` describes it."""

from __future__ import annotations

from functools import partial
from typing import Annotated

from fastapi import APIRouter, Depends, Header, Response

from initramfs import messages
from provisioner.api.bodies import body
from provisioner.api.messages import SIZES, described, parse_digest, reader
from provisioner.api.services import JSON, NO_CONTENT, Bearer, Here, Number, Peer, Served, Services
from provisioner.base.errors import NotFoundError
from provisioner.hosts.names import parse_mac
from provisioner.jobs import placements, results
from provisioner.jobs.contact import OLD_AGENT, Admission, admit, authorise, authorise_job, with_phone_home
from provisioner.jobs.contact import phone_home as record_phone_home
from provisioner.jobs.reports import take_reports
from provisioner.security import nonces
from provisioner.security.nonces import Nonce, NonceError
from provisioner.security.signatures import load_host_key, sign_assignment

MESSAGES = (
    messages.Contact,
    messages.Signed,
    messages.Reports,
    messages.Statement,
    messages.PhoneHome,
    messages.Digests,
)

router = APIRouter(prefix="/api/v1", tags=["agent"])


def ticket(served: Served, authorization: Annotated[str, Header()] = "") -> Nonce:
    """The nonce that a contact's header names, if it is one of ours. Raises NonceError."""
    scheme, _, nonce = authorization.partition(" ")
    if scheme.lower() != messages.NONCE_SCHEME.lower():
        raise NonceError("the contact does not name its nonce first", OLD_AGENT)
    return nonces.unseal(served.nonce_key, nonce)


def reporting(number: Number, token: Bearer, served: Served) -> None:
    """Whether this agent may speak for the job. Raises TokenError, ForeignTokenError, ConflictError."""
    authorise_job(served.database, token, number, served.now())


@router.post("/agent/contact", openapi_extra=described(messages.Contact))
def contact(
    nonce: Annotated[Nonce, Depends(ticket)],
    message: Annotated[messages.Contact, Depends(reader(messages.Contact))],
    reached: Here,
    served: Served,
    address: Peer,
) -> Response:
    """An agent's first word: uses up its nonce, starts the host's job, answers with a signed assignment."""
    load_host_key(message.host_key)
    nonces.check_machine(nonce, parse_mac(message.mac))
    if nonces.unseal(served.nonce_key, message.nonce) != nonce:
        raise NonceError("the contact's nonce is not the one that its header names")
    policy = served.config.contact
    moment = served.moment()
    admission = admit(served.database, nonce, message, address=address, now=moment, policy=policy)
    return _assignment(served, admission, message, f"{reached.url}/api/v1/phone-home")


@router.get("/agent/manifests/{digest}")
def manifest(digest: str, token: Bearer, served: Served) -> Response:
    """The signed manifest with this digest, exactly as it is stored."""
    authorise(served.database, token, served.now())
    found = served.store.find(parse_digest(digest))
    if found is None:
        raise NotFoundError(f"there is no manifest {digest}", "was the image removed after the job was made?")
    return Response(served.store.manifest(found), media_type="application/octet-stream")


@router.post(
    "/agent/jobs/{number}/reports", status_code=NO_CONTENT, openapi_extra=described(messages.Reports)
)
def reports(
    number: Number,
    _may: Annotated[None, Depends(reporting)],
    message: Annotated[messages.Reports, Depends(reader(messages.Reports))],
    token: Bearer,
    served: Served,
) -> None:
    """What happened in a job since the last batch. May be repeated."""
    take_reports(served.database, token, number, message, served.now())


@router.post("/agent/jobs/{number}/result", status_code=NO_CONTENT, openapi_extra=described(messages.Signed))
def result(
    number: Number,
    _may: Annotated[None, Depends(reporting)],
    content: Annotated[bytes, Depends(body(SIZES[messages.Signed]))],
    token: Bearer,
    served: Served,
    address: Peer,
) -> None:
    """How a job ended: a Statement, signed by its host. May be repeated; what is not signed is noted."""
    sign = partial(placements.sign, key=served.signing_key)
    results.take_result(served.database, token, number, content, address=address, now=served.now(), sign=sign)


@router.post("/phone-home", status_code=NO_CONTENT, openapi_extra=described(messages.PhoneHome))
def phone_home(
    message: Annotated[messages.PhoneHome, Depends(reader(messages.PhoneHome))], served: Served, address: Peer
) -> None:
    """An installed system says that it is up, under which name. May be repeated at every start."""
    record_phone_home(served.database, message.token, message.hostname, address, served.now())


def _assignment(served: Services, admission: Admission, message: messages.Contact, url: str) -> Response:
    job = with_phone_home(admission.job, url, admission.phone_home_token) if admission.job else None
    assignment = messages.Assignment(
        message.challenge,
        message.host_key,
        admission.host,
        admission.token,
        job,
        admission.attempt,
        served.now(),
    )
    return Response(messages.encode(sign_assignment(assignment, served.signing_key)), media_type=JSON)

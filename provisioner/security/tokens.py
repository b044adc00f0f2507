"""Tokens and used nonces: what an agent proves itself with, and that it does so once.

Tokens are 256 random bits; only their SHA-256 is stored, so reading the database
is not enough to speak as an agent.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from enum import StrEnum

from sqlalchemy import select
from sqlalchemy.orm import Session

from provisioner.base.errors import ConflictError, ProvisionerError
from provisioner.security.nonces import Nonce
from provisioner.security.tables import RevokedToken, Token, UsedNonce

AGENT_LIFETIME = 24 * 3600.0
"""Seconds an agent may take for a whole job."""
USED_LIFETIME = 30 * 24 * 3600.0
"""Seconds a used nonce is remembered: longer than any agent runs that may repeat its contact."""
PHONE_HOME_LIFETIME = 30 * 24 * 3600.0
"""Seconds an installed system may still call home: the machine may be delivered somewhere first."""


class TokenError(ProvisionerError):
    """No token, or none of ours, or too old."""


class ForeignTokenError(ProvisionerError):
    """A good token, but for something else."""


class RevokedTokenError(ForeignTokenError):
    """A token that was good until its host was removed."""


class NonceUsedError(ConflictError):
    """The nonce was used before: it was overheard and is repeated, or an agent was started twice."""


class Purpose(StrEnum):
    """What a token is for."""

    AGENT = "agent"
    PHONE_HOME = "phone-home"


def use_nonce(session: Session, nonce: Nonce, challenge: str, host_key: str, now: float) -> bool:
    """Use up a nonce of ours; whether this is its first use.

    The same challenge and key again are the same agent, whose answer or token was lost: it may ask again,
    however old its nonce has become. Raises NonceUsedError for any other; a listener may know the challenge,
    but would bring a key of his own.
    """
    who = _hash(f"{challenge} {host_key}")
    row = session.get(UsedNonce, nonce.random.hex())
    if row is None:
        session.add(UsedNonce(random=nonce.random.hex(), challenge=who, mac=nonce.mac, at=now))
        return True
    if not hmac.compare_digest(row.challenge, who):
        raise NonceUsedError(f"the nonce of {nonce.mac} was used before", "boot the machine again")
    return False


def issue(
    session: Session,
    purpose: Purpose,
    *,
    host_id: int,
    job_id: int | None,
    attempt: int,
    mac: str,
    expires: float,
) -> str:
    """A new token, bound to a host and to one attempt of a job."""
    token = secrets.token_urlsafe(32)
    row = Token(
        hash=_hash(token),
        purpose=purpose.value,
        host_id=host_id,
        job_id=job_id,
        attempt=attempt,
        mac=mac,
        expires=expires,
    )
    session.add(row)
    return token


def revoke(session: Session, host_id: int, reason: str) -> None:
    """Let the tokens of a host that goes away answer with the ``reason`` from now on, until they expire."""
    for row in session.scalars(select(Token).where(Token.host_id == host_id)):
        session.add(RevokedToken(hash=row.hash, reason=reason, expires=row.expires))
    session.flush()


def check(session: Session, token: str, purpose: Purpose, now: float) -> Token:
    """The row of a good token. Raises TokenError, ForeignTokenError, RevokedTokenError."""
    row = session.get(Token, _hash(token))
    if row is None and (revoked := session.get(RevokedToken, _hash(token))) is not None:
        raise RevokedTokenError(revoked.reason, "this agent stops; add the host again to go on")
    if row is None or row.expires < now:
        raise TokenError("the token is not one of ours, or has expired", "boot the machine again")
    if row.purpose != purpose:
        raise ForeignTokenError(f"the token is good for {row.purpose} only")
    return row


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()

"""Who may read: the administrator, by HTTP Basic over the password that ``init`` printed.

Checking a scrypt hash costs 50 ms and 16 MiB on purpose, and a page asks every two seconds; so
a password that was right once is remembered in this process, as a keyed hash. Few are checked at a
time, and who guesses wrong has to wait: neither the processor nor the memory is a guesser's to spend.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import threading
from typing import Annotated

from fastapi import Depends
from fastapi.exceptions import HTTPException
from fastapi.security import HTTPBasic, HTTPBasicCredentials

from provisioner.api.services import Peer, Served
from provisioner.base import clock
from provisioner.security.attempts import Attempts, TooOftenError
from provisioner.security.passwords import password_matches

USER = "admin"
_CHALLENGE = {"WWW-Authenticate": 'Basic realm="clonesys"'}

MAX_PASSWORD = 1024
"""Characters; what is longer is none of ours."""
PATIENCE = 2.0
"""Seconds to wait for one's turn."""
CHECKS = 2
"""Passwords that a process checks at a time: each takes 16 MiB and 50 ms of a processor."""

_basic = HTTPBasic(realm="clonesys")
_process_key = secrets.token_bytes(32)
_known_good: set[bytes] = set()
_attempts = Attempts()
_checking = threading.Semaphore(CHECKS)


def administrator(
    credentials: Annotated[HTTPBasicCredentials, Depends(_basic)], served: Served, address: Peer
) -> str:
    """The user's name. Raises HTTPException 401 unless it is the administrator, and TooOftenError."""
    if not _check(credentials, served.admin_hash, address):
        raise HTTPException(401, "wrong name or password", _CHALLENGE)
    return USER


def _check(credentials: HTTPBasicCredentials, stored: bytes, source: str) -> bool:
    password = credentials.password
    mark = hmac.digest(_process_key, password.encode() + b"\0" + stored, hashlib.sha256)
    right_user = hmac.compare_digest(credentials.username.encode(), USER.encode())
    if mark in _known_good and right_user:
        return True
    if right_user and _attempts.was_wrong(source, mark):
        return False
    if not _checking.acquire(timeout=PATIENCE):
        raise TooOftenError("too many passwords are being checked", "try again in a few seconds")
    try:
        if mark in _known_good and right_user:  # of a page that asks for several things at once
            return True
        _attempts.begin(source, clock.steady())
        right = right_user and len(password) <= MAX_PASSWORD and password_matches(password, stored)
    finally:
        _checking.release()
    if right:
        _attempts.right(source)
        _known_good.add(mark)
    elif right_user:
        _attempts.wrong(source, mark)
    return right


Administrator = Depends(administrator)
"""Put into a router's ``dependencies``: everything below it is for the administrator."""

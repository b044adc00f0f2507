"""Who may read: the administrator, by HTTP Basic over the password that ``init`` printed.

Checking a scrypt hash costs 50 ms on purpose, and a page asks every two seconds; so
a password that was right once is remembered in this process, as a keyed hash.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from typing import Annotated

from fastapi import Depends
from fastapi.exceptions import HTTPException
from fastapi.security import HTTPBasic, HTTPBasicCredentials

from provisioner.api.services import Served
from provisioner.security.passwords import password_matches

USER = "admin"
_CHALLENGE = {"WWW-Authenticate": 'Basic realm="clonesys"'}

_basic = HTTPBasic(realm="clonesys")
_process_key = secrets.token_bytes(32)
_known_good: set[bytes] = set()


def administrator(credentials: Annotated[HTTPBasicCredentials, Depends(_basic)], served: Served) -> str:
    """The user's name. Raises HTTPException 401 unless it is the administrator."""
    right_user = hmac.compare_digest(credentials.username.encode(), USER.encode())
    right_password = _check(credentials.password, served.admin_hash)
    if not (right_user and right_password):
        raise HTTPException(401, "wrong name or password", _CHALLENGE)
    return USER


def _check(password: str, stored: bytes) -> bool:
    mark = hmac.digest(_process_key, password.encode() + b"\0" + stored, hashlib.sha256)
    if mark in _known_good:
        return True
    if not password_matches(password, stored):
        return False
    _known_good.add(mark)
    return True


Administrator = Depends(administrator)
"""Put into a router's ``dependencies``: everything below it is for the administrator."""

"""What every endpoint works with: one appliance's state, keys and clock."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from fastapi import Depends, Header, Request

from provisioner.base.config import Config, load_config
from provisioner.base.errors import ProvisionerError
from provisioner.base.home import Home
from provisioner.database.engine import Database, open_database
from provisioner.security.keys import load_nonce_key, load_private_key
from provisioner.security.tokens import TokenError
from provisioner.stores.open import store_of
from provisioner.stores.protocols import ApplianceStore

JSON = "application/json"
NO_CONTENT = 204


@dataclass(frozen=True, slots=True)
class Services:
    """Opened once per process; every part may be used from several threads."""

    home: Home
    config: Config
    database: Database
    store: ApplianceStore
    signing_key: Ed25519PrivateKey = field(repr=False)
    nonce_key: bytes = field(repr=False)
    admin_hash: bytes = field(repr=False)
    now: Callable[[], float] = time.time


def open_services(home: Path, now: Callable[[], float] = time.time) -> Services:
    """Open the appliance at ``home``. Raises ProvisionerError if it was never made."""
    admin = Home(home).keys / "admin"
    if not admin.exists():
        raise ProvisionerError(f"{home} is no appliance: {admin} is missing", "make one with 'clonesys init'")
    return Services(
        home=Home(home),
        config=load_config(home),
        database=open_database(home),
        store=store_of(home),
        signing_key=load_private_key(home),
        nonce_key=load_nonce_key(home),
        admin_hash=admin.read_bytes(),
        now=now,
    )


def services(request: Request) -> Services:
    """The services of the application that serves ``request``."""
    found: Services = request.app.state.services
    return found


Served = Annotated[Services, Depends(services)]


def peer(request: Request) -> str:
    """The other side's address, or nothing where the server does not tell."""
    return request.client.host if request.client else ""


Peer = Annotated[str, Depends(peer)]


def bearer(authorization: Annotated[str, Header()] = "") -> str:
    """The token of an agent's request. Raises TokenError if there is none."""
    scheme, _, token = authorization.partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise TokenError("this needs the token of an assignment", "boot the machine through the appliance")
    return token


Bearer = Annotated[str, Depends(bearer)]

"""What every endpoint works with: one appliance's state, keys and clock. ``serve`` opens them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Annotated

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from fastapi import Depends, Header, Path, Request

from netboot.http.connections import reached
from netboot.model import Endpoint
from provisioner.base import clock
from provisioner.base.clock import Moment
from provisioner.base.config import Config
from provisioner.base.errors import ProvisionerError
from provisioner.base.home import Home
from provisioner.database.engine import Database
from provisioner.security.tokens import TokenError
from provisioner.stores.protocols import ApplianceStore

JSON = "application/json"
NO_CONTENT = 204


@dataclass(frozen=True, slots=True)
class Services:
    """Opened once per process; every part may be used from several threads."""

    home: Home
    config: Config
    http_port: int
    database: Database
    store: ApplianceStore
    signing_key: Ed25519PrivateKey = field(repr=False)
    nonce_key: bytes = field(repr=False)
    moment: Callable[[], Moment] = clock.now

    def now(self) -> float:
        """The time of day, in seconds since the epoch."""
        return self.moment().wall

    @property
    def admin_hash(self) -> bytes:
        """The administrator's password, as it is kept now: a command may have made a new one."""
        return (self.home.keys / "admin").read_bytes()


def services(request: Request) -> Services:
    """The services of the application that serves ``request``."""
    found: Services = request.app.state.services
    return found


Served = Annotated[Services, Depends(services)]


def peer(request: Request) -> str:
    """The other side's address, or nothing where the server does not tell."""
    return request.client.host if request.client else ""


MAX_NUMBER = 2**63 - 1
"""The largest that a database knows."""
Number = Annotated[int, Path(ge=1, le=MAX_NUMBER)]
"""A job's, in an address."""
Peer = Annotated[str, Depends(peer)]


def here(request: Request, served: Served) -> Endpoint:
    """Where this client has reached us, by what the kernel says. Raises ProvisionerError if it does not."""
    address = reached(request)
    if address is None:
        raise ProvisionerError("it cannot be known at which address this request came in", "try again")
    return Endpoint(address, served.http_port)


Here = Annotated[Endpoint, Depends(here)]


def bearer(authorization: Annotated[str, Header()] = "") -> str:
    """The token of an agent's request. Raises TokenError if there is none."""
    scheme, _, token = authorization.partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise TokenError("this needs the token of an assignment", "boot the machine through the appliance")
    return token


Bearer = Annotated[str, Depends(bearer)]

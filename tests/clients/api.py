"""An appliance and an agent for tests of the API: real application, real database, no sockets."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from fastapi import FastAPI

from initramfs import messages
from initramfs.agent import trust
from provisioner.base.clock import Moment
from provisioner.base.home import Home
from provisioner.commands import init_appliance
from provisioner.database.engine import Database
from provisioner.security.keys import load_nonce_key, load_public_key
from provisioner.security.nonces import mint
from provisioner.serve.application import create_app

MAC = "52:54:00:00:00:01"
OTHER_MAC = "52:54:00:00:00:02"
NOW = 1_700_000_000.0
HOST_KEY = trust.make_key(lambda length: b"h" * length)
OTHER_KEY = trust.make_key(lambda length: b"o" * length)


@dataclass(slots=True)
class Time:
    """A clock that stands still until told otherwise; seconds since the epoch."""

    value: float = NOW

    def __call__(self) -> float:
        """Now."""
        return self.value

    def moment(self) -> Moment:
        """The same, as the product takes it."""
        return Moment(self.value)


@dataclass(slots=True)
class Api:
    """An appliance's application, and the words an agent says to it."""

    app: FastAPI
    home: Path
    clock: Time
    password: str
    nonce_key: bytes = field(repr=False)

    @property
    def database(self) -> Database:
        """The application's own database."""
        found: Database = self.app.state.services.database
        return found

    def request(self, method: str, path: str, **options: Any) -> httpx.Response:
        """One request; the application's own exceptions come out here."""

        async def ask() -> httpx.Response:
            transport = httpx.ASGITransport(self.app, client=("192.0.2.7", 4000))
            async with httpx.AsyncClient(transport=transport, base_url="http://192.0.2.1:8080") as client:
                return await client.request(method, path, **options)

        return asyncio.run(ask())

    def get(self, path: str) -> httpx.Response:
        """Read as the administrator."""
        return self.request("GET", path, auth=("admin", self.password))

    def nonce(self, mac: str = MAC, age: float = 0.0) -> str:
        """A nonce as the boot script would carry it."""
        return mint(self.nonce_key, mac, Moment(self.clock() - age), secrets.token_bytes(16))

    def contact(
        self, nonce: str, *, mac: str = MAC, challenge: str = "c1", key: Ed25519PrivateKey = HOST_KEY
    ) -> httpx.Response:
        """An agent's first word."""
        public = trust.public_half(key)
        message = messages.Contact(nonce, challenge, "0.1.0", mac, inventory(mac), public, messages.PROTOCOL)
        return self.say_hello(messages.encode(message), nonce)

    def say_hello(self, content: bytes | str, nonce: str) -> httpx.Response:
        """A contact with any content, under a nonce."""
        headers = {"Authorization": f"{messages.NONCE_SCHEME} {nonce}"}
        return self.request("POST", "/api/v1/agent/contact", content=content, headers=headers)

    def assignment(self, answer: httpx.Response) -> messages.Assignment:
        """What a contact's answer says, its signature checked."""
        payload, signature = messages.decode(messages.Signed, answer.content).parts()
        load_public_key(self.home).verify(signature, payload)
        return messages.decode(messages.Assignment, payload)

    def post(self, path: str, message: object, token: str) -> httpx.Response:
        """A message under an agent's token."""
        headers = {"Authorization": f"Bearer {token}"}
        return self.request("POST", path, content=messages.encode(message), headers=headers)

    def finish(
        self, given: messages.Assignment, result: messages.Result, key: Ed25519PrivateKey = HOST_KEY
    ) -> httpx.Response:
        """An agent's last word, signed."""
        assert given.job is not None
        return self.post(f"/api/v1/agent/jobs/{given.job.id}/result", stated(given, result, key), given.token)


def stated(
    given: messages.Assignment, result: messages.Result, key: Ed25519PrivateKey = HOST_KEY
) -> messages.Signed:
    """What a host signs at the end of what it was given."""
    assert given.job is not None
    return trust.sign(messages.Statement(given.host, given.job.id, given.attempt, result), key)


@contextmanager
def api(home: Path) -> Iterator[Api]:
    """An appliance made in ``home``, served in this process."""
    password = init_appliance.create(home)
    for name in ("vmlinuz", "initramfs.img"):
        (Home(home).boot / name).write_bytes(b"boot me")
    clock = Time()
    app = create_app(home, http_port=8080, now=clock.moment)
    try:
        yield Api(app, home, clock, password or "", load_nonce_key(home))
    finally:
        app.state.sink.close()
        app.state.services.database.close()


def inventory(mac: str = MAC) -> messages.Inventory:
    """What a small machine is made of."""
    return messages.Inventory(
        system=messages.System("QEMU", "pc", "S1", "11111111-2222-3333-4444-555555555555"),
        firmware=messages.Firmware.UEFI,
        cpu_model="a processor",
        cpu_count=2,
        memory=2**30,
        disks=(messages.Disk("sda", 10**10, 512, 512, serial="D1"),),
        nics=(messages.Nic("eth0", mac),),
    )


def reports(first: int, *steps: tuple[str, messages.StepState]) -> messages.Reports:
    """A batch numbered from ``first``."""
    return messages.Reports(
        tuple(
            messages.Report(first + i, NOW + first + i, step, state, title=f"Step {step}", done=50, total=100)
            for i, (step, state) in enumerate(steps)
        )
    )

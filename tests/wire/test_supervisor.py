"""Parts that cannot even be started, as real processes: that passes, or ends with its reason."""

from __future__ import annotations

import asyncio
import os
import signal
from ipaddress import IPv4Address
from pathlib import Path

import psutil
import pytest

from provisioner.base.errors import ProvisionerError
from provisioner.commands import init_appliance
from provisioner.serve.handshake import Settings
from provisioner.serve.supervisor import Supervisor
from tests.lab.waiting import Deadline, until

pytestmark = pytest.mark.wire

WITHIN = 45.0
PART = "controller"


def settings(home: Path) -> Settings:
    """The controller has no ports."""
    return Settings(home, IPv4Address("127.0.0.1"), 0, 1)


async def said(caplog: pytest.LogCaptureFixture, text: str) -> None:
    """When that is in the log."""
    await asyncio.to_thread(until, lambda: text in caplog.text, Deadline.within(WITHIN), text, every=0.02)


def test_a_part_that_cannot_be_started_at_first_ends_all(tmp_path: Path) -> None:
    """With the reason, and at once."""
    serving = Supervisor(settings(tmp_path / "nowhere"), (PART,), lambda _: None)
    with pytest.raises(ProvisionerError, match=r"controller could not start: .*nowhere"):
        asyncio.run(asyncio.wait_for(serving.run(), WITHIN))


def test_a_part_that_cannot_be_started_again_is_tried_until_it_can(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The disk with the home was away for a moment, just when the part had died."""
    home, away = tmp_path / "home", tmp_path / "away"
    init_appliance.create(home)

    async def live() -> None:
        serves = asyncio.Event()
        serving = asyncio.create_task(Supervisor(settings(home), (PART,), lambda _: serves.set()).run())
        await serves.wait()
        home.rename(away)
        (first,) = psutil.Process().children()
        first.kill()
        await said(caplog, "ended with no life")
        away.rename(home)
        await said(caplog, "controller serves again")
        os.kill(os.getpid(), signal.SIGTERM)
        await serving

    asyncio.run(asyncio.wait_for(live(), WITHIN))

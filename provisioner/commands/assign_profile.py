"""Telling a host what to do at its next network boot: everything is checked before anything changes."""

from __future__ import annotations

from pathlib import Path

from initramfs.messages import Firmware
from provisioner.base.config import load_config
from provisioner.base.errors import ProvisionerError
from provisioner.base.home import Home
from provisioner.boot.booter import INITRAMFS, KERNEL
from provisioner.database.engine import Database
from provisioner.hosts import registry
from provisioner.images import catalogue
from provisioner.jobs import queue
from provisioner.jobs.make import Resolve, make_job
from provisioner.profiles.actions import ACTIONS
from provisioner.profiles.actions.action import Target
from provisioner.profiles.files import load_profile


def set_profile(
    home: Path,
    database: Database,
    host: str,
    profile: str,
    *,
    now: float,
    who: str,
    resolve: Resolve | None = None,
) -> int | None:
    """Let ``host`` follow ``profile`` at its next network boot; the number of the job made, if it needs one.

    Raises NotFoundError, InvalidError with all problems at once, ConflictError while a job is running.
    """
    wanted = load_profile(home, profile)
    known = registry.get_host(database, host)
    if ACTIONS[wanted.action].work is None:
        queue.set_local(database, known.name, now=now, who=who)
        return None
    firmware = Firmware(known.firmware) if known.firmware else None
    target = Target(known.name, load_config(home).dns.domain, firmware)
    with catalogue.held(home):
        job = make_job(profile, wanted, target, resolve or catalogue.resolver(home))
        _require_boot_files(home)
        return queue.queue_job(database, known.name, job, now=now, who=who)


def _require_boot_files(home: Path) -> None:
    missing = [name for name in (KERNEL, INITRAMFS) if Home(home).blob(name) is None]
    if missing:
        raise ProvisionerError(
            f"the appliance has no {' and no '.join(missing)} to boot the host with",
            "build them with 'clonesys initramfs build'",
        )

"""``init``: an appliance is made, everything below one home directory. What is there already stays."""

from __future__ import annotations

import secrets
from pathlib import Path

from provisioner.base import access, durable
from provisioner.base.config import EXAMPLE
from provisioner.base.errors import ProvisionerError
from provisioner.base.home import Home
from provisioner.boot.files import copy_loaders
from provisioner.commands.appliance import Appliance
from provisioner.database.engine import open_migrated
from provisioner.security.actors import Actor, Right
from provisioner.security.keys import create_keys, write_secret
from provisioner.security.passwords import SALT_LENGTH, hash_password, new_password
from provisioner.stores.open import store_of
from provisioner.timeline import audit

EXAMPLE_PROFILE = """\
# A boot profile: what a host does once, at its next network boot. Afterwards it starts from its own disk.
# Check it with 'clonesys profile check FILE'; give it to a host with
# 'clonesys host set NAME --profile example'.

action = "initinstall"              # local, initinstall, restore, backup, inventory, rescue
description = "the whole disk, then the Debian in sda5"
# firmware = "bios"                 # refuse machines that start otherwise

[disk]                              # exactly one disk must match; an empty table means: the only disk
# transport = "nvme"
# min_size = "100 GB"

[images]                            # NAME, or NAME@GENERATION to pin one
disk = "sda_InitClone"

[images.partitions]                 # laid over the disk image
sda5 = "sda5_Debian"

[personalise]
root = 5                            # the partition with the Linux root
phone_home = true                   # the installed system says that it is up
# hostname = "..."                  # default: the host's own name

# then = "reboot"                   # or "poweroff", "shell"; write it above the first table
"""


def init_appliance(appliance: Appliance, actor: Actor) -> str | None:
    """Make what is missing; the administrator's password, if one was made.

    Raises ForbiddenError, and ProvisionerError if the directory cannot be written.
    """
    actor.require(Right.APPLIANCE)
    password = create(appliance.root)
    audit.record(appliance.database, actor.name, "init", str(appliance.root), appliance.now())
    return password


def create(home: Path) -> str | None:
    """Make what is missing of the appliance at ``home``. The administrator's password, if one was made.

    Raises ProvisionerError if the directory cannot be written.
    """
    places = Home(home)
    try:
        for folder in (places.root, places.boot, places.profiles):
            folder.mkdir(parents=True, exist_ok=True)
        store_of(home).make()
        create_keys(home)
        password = _create_admin(places.keys / "admin")
        _write_once(places.config, EXAMPLE)
        _write_once(places.profiles / "example.toml", EXAMPLE_PROFILE)
        copy_loaders(places.boot)
    except OSError as error:
        told = access.in_words(error)
        raise ProvisionerError(
            f"cannot make {home}: {told.message}", f"{told.hint}, or choose another --home"
        ) from error
    open_migrated(home).close()
    return password


def _create_admin(path: Path) -> str | None:
    if path.exists():
        return None
    password = new_password()
    write_secret(path, hash_password(password, secrets.token_bytes(SALT_LENGTH)))
    return password


def _write_once(path: Path, text: str) -> None:
    if not path.exists():
        durable.create(path, text.encode(), 0o644)

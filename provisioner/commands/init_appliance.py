"""``init``: an appliance is made, everything below one home directory. What is there already stays."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from provisioner.base import access, durable
from provisioner.base.config import EXAMPLE
from provisioner.base.errors import ProvisionerError
from provisioner.base.home import Home
from provisioner.base.ownership import ROOT, Owner, close_to_others, hand_over, make_folder
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


SERVICE_USER = "clonesys"
"""Whose a new appliance is if root makes it and there is such a user; provisioner/serve/systemd makes one."""


def init_appliance(appliance: Appliance, actor: Actor, owner: str | None = None) -> str | None:
    """Make what is missing; the administrator's password, if one was made.

    ``owner`` is the user that everything will belong to, and that the services run as. Raises ForbiddenError,
    InvalidError for a user that there is not, and ProvisionerError if the directory cannot be written.
    """
    actor.require(Right.APPLIANCE)
    password = create(appliance.root, _owner(appliance.root, owner))
    audit.record(appliance.database, actor.name, "init", str(appliance.root), appliance.now())
    return password


def create(home: Path, owner: Owner | None = None) -> str | None:
    """Make what is missing of the appliance at ``home``. The administrator's password, if one was made.

    Everything there belongs to ``owner`` afterwards, or stays whose it was, and is closed to the other users
    of the machine. Raises ProvisionerError if the directory cannot be written.
    """
    places = Home(home)
    try:
        places.root.parent.mkdir(parents=True, exist_ok=True)  # not ours to close: the owner comes through it
        make_folder(places.root)
        if owner is not None and owner != Owner.of(places.root):
            hand_over(places.root, owner)
        for folder in (places.boot, places.profiles):
            make_folder(folder)
        store_of(home).make()
        create_keys(home)
        password = _create_admin(places.keys / "admin")
        _write_once(places.config, EXAMPLE)
        _write_once(places.profiles / "example.toml", EXAMPLE_PROFILE)
        _write_once(places.database, "")  # SQLite gives its journals the mode of the database
        copy_loaders(places.boot)
        for path in (places.root, places.config, places.database):
            close_to_others(path)
    except OSError as error:
        told = access.in_words(error)
        raise ProvisionerError(
            f"cannot make {home}: {told.message}", f"{told.hint}, or choose another --home"
        ) from error
    open_migrated(home).close()
    return password


def _owner(home: Path, name: str | None) -> Owner | None:
    """Who was named; for a new appliance that root makes, the user that is there for it."""
    if name is None:
        return Owner.named(SERVICE_USER) if os.geteuid() == ROOT and not home.exists() else None
    found = Owner.named(name)
    if found is None:
        raise ProvisionerError(
            f"there is no user {name!r} on this machine", "make one with 'adduser --system'"
        )
    return found


def _create_admin(path: Path) -> str | None:
    if path.exists():
        return None
    password = new_password()
    write_secret(path, hash_password(password, secrets.token_bytes(SALT_LENGTH)))
    return password


def _write_once(path: Path, text: str) -> None:
    if not path.exists():
        durable.create(path, text.encode())

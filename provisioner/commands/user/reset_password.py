"""``user password``: the administrator gets a new password, as the old one cannot be read back."""

from __future__ import annotations

import secrets

from provisioner.base import access, durable
from provisioner.commands.appliance import Appliance
from provisioner.commands.record import be_ready_to_record, record_change
from provisioner.security.actors import Actor, Right
from provisioner.security.passwords import SALT_LENGTH, hash_password, new_password

ADMINISTRATOR = "admin"


def reset_password(appliance: Appliance, actor: Actor) -> str:
    """Make a new password, which counts at once; the old one does no more. Nothing else keeps it.

    Raises ForbiddenError, ProvisionerError if the file cannot be written.
    """
    actor.require(Right.APPLIANCE)
    be_ready_to_record(appliance)
    path, password = appliance.home.keys / "admin", new_password()
    try:
        durable.replace(path, hash_password(password, secrets.token_bytes(SALT_LENGTH)), 0o600)
    except OSError as error:
        raise access.in_words(error, path) from error
    record_change(appliance, actor, "user password", ADMINISTRATOR)
    return password

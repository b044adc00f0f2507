"""The audit entry of a change that was made outside of the database: in the image store, in files.

The change comes first, so an entry never tells of what did not happen; when the entry cannot be written, the
error says that the change was made.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from provisioner.base.errors import ProvisionerError

if TYPE_CHECKING:
    from provisioner.commands.appliance import Appliance
    from provisioner.security.actors import Actor


class UnrecordedError(ProvisionerError):
    """A change was made, and the audit log does not know of it, for this ``reason``."""

    def __init__(self, change: str, reason: str, hint: str) -> None:
        super().__init__(f"{change}: this was done, but the audit log could not be written: {reason}", hint)
        self.reason = reason


def be_ready_to_record(appliance: Appliance) -> None:
    """Open the audit log before anything is done, so that hours of work do not end in an error at its door.

    Raises ProvisionerError, InvalidError.
    """
    _ = appliance.database


def record_change(appliance: Appliance, actor: Actor, what: str, detail: str) -> None:
    """Write that ``actor`` has just done ``what``. Raises UnrecordedError."""
    # Loaded here: a command that fails earlier, or changes nothing, needs no database.
    from sqlalchemy.exc import SQLAlchemyError  # noqa: PLC0415 - see above

    from provisioner.timeline import audit  # noqa: PLC0415 - likewise

    # The name of a file may be no UTF-8, which no database could hold.
    readable = detail.encode(errors="replace").decode()
    try:
        audit.record(appliance.database, actor.name, what, readable, appliance.now())
    except (SQLAlchemyError, ProvisionerError) as error:
        raise UnrecordedError(
            f"{what} {readable}",
            str(error),
            f"do not repeat it; {getattr(error, 'hint', '') or 'look at the database first'}",
        ) from error

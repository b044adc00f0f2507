"""The work of a job is a union: each action has its own fields, in the job's document.

Revision 0004, after 0003. Works on plain JSON, because the classes of today will change again.
"""

from __future__ import annotations

import time
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

WRITING = ("disk", "partition_images", "personalisation", "fit", "identity")
"""Fields of a job that writes images; they move into its work as they are."""

HOSTS = sa.table("hosts", sa.column("id"), sa.column("profile"))
AUDIT = sa.table("audit", sa.column("at"), sa.column("who"), sa.column("what"), sa.column("detail"))
JOBS = sa.table(
    "jobs",
    sa.column("id", sa.Integer),
    sa.column("host_id", sa.Integer),
    sa.column("document", sa.JSON),
    sa.column("state", sa.String),
    sa.column("ended", sa.Double),
    sa.column("error", sa.Text),
    sa.column("hint", sa.Text),
)
UNFINISHED = ("queued", "running", "stalled")


def upgrade() -> None:
    """Go forward. A job that no agent can do, and that has not ended, is cancelled."""
    connection = op.get_bind()
    for row in connection.execute(sa.select(JOBS)).all():
        if "action" not in row.document:
            continue
        if document := convert(row.document):
            connection.execute(sa.update(JOBS).where(JOBS.c.id == row.id).values(document=document))
        elif row.state in UNFINISHED:
            _cancel(connection, row)


def convert(old: dict[str, Any]) -> dict[str, Any] | None:
    """The document as it is from now on; None for an action that no agent can do."""
    work = _work(old)
    if work is None:
        return None
    after = "shell" if old["action"] == "rescue" else old.get("after", "reboot")
    return {
        "id": old["id"],
        "profile": old["profile"],
        "work": {"action": old["action"], **work},
        "after": after,
    }


def _work(old: dict[str, Any]) -> dict[str, Any] | None:
    writing = {name: old[name] for name in WRITING if name in old}
    if (writing.get("fit") or {}).get("grow") == 0:  # stood for the last partition
        writing["fit"] = {"grow": "last"}
    match old["action"]:
        case "initinstall":
            return {"disk_image": old.get("disk_image"), **writing}
        case "restore":
            return writing
        case "backup":
            return _backup(old)
        case "inventory" | "rescue":
            return {}
        case _:
            return None


def _backup(old: dict[str, Any]) -> dict[str, Any]:
    """Its images had a generation of 0 and no digest, to say that they were only names."""
    whole, how = old.get("disk_image"), old.get("backup") or {}
    return {
        "disk": old.get("disk", {}),
        "disk_image": whole["name"] if whole else None,
        "partitions": [
            {"number": part["number"], "name": part["image"]["name"]}
            for part in old.get("partition_images", ())
        ],
        "description": how.get("description", ""),
        "empty": how.get("empty", []),
        "without_swap": how.get("without_swap", False),
    }


def _cancel(connection: sa.Connection, row: Any) -> None:
    reason, now = f"no agent can do {row.document['action']}", time.time()
    ended = {
        "state": "cancelled",
        "ended": now,
        "error": reason,
        "hint": "give the host another profile",
    }
    connection.execute(sa.update(JOBS).where(JOBS.c.id == row.id).values(ended))
    connection.execute(sa.update(HOSTS).where(HOSTS.c.id == row.host_id).values(profile="local"))
    entry = {"at": now, "who": "clonesys", "what": "job cancel", "detail": f"{row.id}: {reason}"}
    connection.execute(sa.insert(AUDIT).values(entry))

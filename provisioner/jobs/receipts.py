"""Receipts in the database. What they mean is in :mod:`provisioner.jobs.placements`."""

from __future__ import annotations

import json
from collections.abc import Callable

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from initramfs import messages
from provisioner.database.engine import Database
from provisioner.hosts.tables import Host
from provisioner.jobs.placements import StoredReceipt
from provisioner.jobs.tables import Job, LogLine, Receipt

Sign = Callable[[StoredReceipt], messages.Signed]


def keep(
    session: Session,
    job: Job,
    mac: str,
    result: messages.Result,
    *,
    statement: messages.Signed,
    sign: Sign,
    now: float,
) -> None:
    """Store what a job has proved, if it has, signed; ``statement`` is what its host has signed of it."""
    if not result.ok or result.receipt is None:
        return
    kept = StoredReceipt(
        job.host.name, mac, job.id, job.attempts, now, result.receipt, job.host_key or "", statement
    )
    signed = sign(kept)
    row = Receipt(job_id=job.id, host_id=job.host_id, at=now)
    row.document = json.loads(messages.encode(signed))
    session.add(row)


def all_receipts(database: Database) -> list[messages.Signed]:
    """All that are kept, oldest first."""
    with database.read() as session:
        rows = session.scalars(select(Receipt).order_by(Receipt.id))
        return [messages.decode(messages.Signed, json.dumps(row.document).encode()) for row in rows]


def unproved_writes(database: Database) -> dict[str, int]:
    """By host, the latest of its jobs that began to write a disk and brought no receipt."""
    query = (
        select(Host.name, func.max(Job.id))
        .join(Job, Job.host_id == Host.id)
        .join(LogLine, LogLine.job_id == Job.id)
        .outerjoin(Receipt, Receipt.job_id == Job.id)
        .where(
            LogLine.step == messages.FIRST_WRITE,
            LogLine.state == messages.StepState.STARTED.value,
            Receipt.id.is_(None),
        )
        .group_by(Host.name)
    )
    with database.read() as session:
        return {row.name: row[1] for row in session.execute(query)}

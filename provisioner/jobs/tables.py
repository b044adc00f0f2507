"""The tables of jobs: their steps, what their agents said, what they proved."""

from __future__ import annotations

from typing import Any

from sqlalchemy import JSON, BigInteger, Enum, ForeignKey, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from provisioner.database.tables import CASCADE, Base
from provisioner.hosts.tables import Host
from provisioner.jobs.life import JobState

JOB_STATE = Enum(
    JobState, native_enum=False, length=16, values_callable=lambda states: [s.value for s in states]
)


class Job(Base):
    """One run of a profile on one host. ``document`` is the wire job, the snapshot that the agent gets.

    ``last_sequence`` belongs to the current attempt; reports up to it were taken already. So does
    ``host_key``: the public half (64 hexadecimal digits) of the key that its agent signs with. ``up`` is when
    the system that it wrote has first phoned home.
    """

    __tablename__ = "jobs"
    __table_args__ = {"sqlite_autoincrement": True}  # noqa: RUF012 - read by SQLAlchemy; a number is never given twice

    id: Mapped[int] = mapped_column(primary_key=True)
    host_id: Mapped[int] = mapped_column(ForeignKey("hosts.id", ondelete="CASCADE"), index=True)
    profile: Mapped[str] = mapped_column(String(63))
    action: Mapped[str] = mapped_column(String(16))
    document: Mapped[dict[str, Any]] = mapped_column(JSON(none_as_null=True))
    state: Mapped[JobState] = mapped_column(JOB_STATE, default=JobState.QUEUED, index=True)
    attempts: Mapped[int] = mapped_column(default=0)
    last_sequence: Mapped[int] = mapped_column(default=0)
    created: Mapped[float]
    started: Mapped[float | None]
    heard: Mapped[float | None]
    ended: Mapped[float | None]
    error: Mapped[str] = mapped_column(Text, default="")
    hint: Mapped[str] = mapped_column(Text, default="")
    receipt: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    host_key: Mapped[str | None] = mapped_column(String(64))
    made_by: Mapped[str] = mapped_column(String(63), default="", server_default="")
    up: Mapped[float | None]
    host: Mapped[Host] = relationship(lazy="joined")
    steps: Mapped[list[Step]] = relationship(cascade=CASCADE, order_by="Step.position", lazy="selectin")
    log: Mapped[list[LogLine]] = relationship(cascade=CASCADE, order_by="LogLine.id")


class Step(Base):
    """One step of a job's current attempt. ``done`` and ``total`` are bytes where the step moves any.

    Its times are the agent's clock: good for durations, never compared with ours.
    """

    __tablename__ = "steps"
    __table_args__ = (UniqueConstraint("job_id", "name"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    job_id: Mapped[int] = mapped_column(ForeignKey("jobs.id", ondelete="CASCADE"))
    position: Mapped[int]
    name: Mapped[str] = mapped_column(String(63))
    title: Mapped[str] = mapped_column(String(255), default="")
    state: Mapped[str] = mapped_column(String(16))
    done: Mapped[int] = mapped_column(BigInteger, default=0)
    total: Mapped[int] = mapped_column(BigInteger, default=0)
    started: Mapped[float | None]
    ended: Mapped[float | None]
    heard: Mapped[float | None]
    detail: Mapped[str] = mapped_column(Text, default="")


class LogLine(Base):
    """What an agent said, except mere progress. ``at`` is the agent's clock.

    Its own ``sequence`` begins at 1. Lines below are the appliance's, by its clock: what it refused.
    """

    __tablename__ = "log_lines"
    __table_args__ = (UniqueConstraint("job_id", "attempt", "sequence"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    job_id: Mapped[int] = mapped_column(ForeignKey("jobs.id", ondelete="CASCADE"))
    attempt: Mapped[int]
    sequence: Mapped[int]
    at: Mapped[float]
    step: Mapped[str] = mapped_column(String(63))
    state: Mapped[str] = mapped_column(String(16))
    text: Mapped[str] = mapped_column(Text, default="")


class Receipt(Base):
    """What a job has proved, as the appliance signed it on arrival. ``document`` is a wire ``Signed``."""

    __tablename__ = "receipts"

    id: Mapped[int] = mapped_column(primary_key=True)
    job_id: Mapped[int] = mapped_column(ForeignKey("jobs.id", ondelete="CASCADE"), unique=True)
    host_id: Mapped[int] = mapped_column(ForeignKey("hosts.id", ondelete="CASCADE"), index=True)
    at: Mapped[float]
    document: Mapped[dict[str, Any]] = mapped_column(JSON(none_as_null=True))

"""The tables. What a row means is said here; what may be done to it, in the repositories.

Times are seconds since the epoch, as on the wire. Documents that only travel
(inventory, job, receipt) are kept as the JSON they travel as.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import JSON, BigInteger, Enum, ForeignKey, Index, MetaData, String, Text, UniqueConstraint
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

from provisioner.jobs.life import State

CASCADE = "all, delete-orphan"
JOB_STATE = Enum(
    State, native_enum=False, length=16, values_callable=lambda states: [s.value for s in states]
)


class Base(DeclarativeBase):
    """Constraint names are fixed, so that migrations can name them on every database."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


class Host(Base):
    """A machine we know. ``profile`` is what it does at its next network boot."""

    __tablename__ = "hosts"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(63), unique=True)
    uuid: Mapped[str] = mapped_column(String(36), default="")
    serial: Mapped[str] = mapped_column(String(128), default="")
    firmware: Mapped[str] = mapped_column(String(16), default="")
    address: Mapped[str] = mapped_column(String(45), default="")
    profile: Mapped[str] = mapped_column(String(63), default="local")
    created: Mapped[float]
    last_seen: Mapped[float | None]
    inventory: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    phoned_home: Mapped[float | None]
    phoned_home_as: Mapped[str] = mapped_column(String(255), default="")
    macs: Mapped[list[Mac]] = relationship(cascade=CASCADE, order_by="Mac.mac", lazy="selectin")
    aliases: Mapped[list[Alias]] = relationship(cascade=CASCADE, order_by="Alias.name", lazy="selectin")
    jobs: Mapped[list[Job]] = relationship(cascade=CASCADE, order_by="Job.id", back_populates="host")


class Mac(Base):
    """One of a host's Ethernet addresses."""

    __tablename__ = "macs"

    mac: Mapped[str] = mapped_column(String(17), primary_key=True)
    host_id: Mapped[int] = mapped_column(ForeignKey("hosts.id", ondelete="CASCADE"), index=True)


class Alias(Base):
    """Another name of a host, for DNS and for people."""

    __tablename__ = "aliases"

    name: Mapped[str] = mapped_column(String(63), primary_key=True)
    host_id: Mapped[int] = mapped_column(ForeignKey("hosts.id", ondelete="CASCADE"), index=True)


class Observed(Base):
    """A machine that asked and that we do not know: seen, never booted."""

    __tablename__ = "observed"

    mac: Mapped[str] = mapped_column(String(17), primary_key=True)
    address: Mapped[str] = mapped_column(String(45), default="")
    detail: Mapped[str] = mapped_column(String(255), default="")
    first_seen: Mapped[float]
    last_seen: Mapped[float]
    times: Mapped[int] = mapped_column(default=1)


class Job(Base):
    """One run of a profile on one host. ``document`` is the wire job, the snapshot that the agent gets.

    ``last_sequence`` belongs to the current attempt; reports up to it were taken already. So does
    ``host_key``: the public half (64 hexadecimal digits) of the key that its agent signs with.
    """

    __tablename__ = "jobs"
    __table_args__ = {"sqlite_autoincrement": True}  # noqa: RUF012 - read by SQLAlchemy; a number is never given twice

    id: Mapped[int] = mapped_column(primary_key=True)
    host_id: Mapped[int] = mapped_column(ForeignKey("hosts.id", ondelete="CASCADE"), index=True)
    profile: Mapped[str] = mapped_column(String(63))
    action: Mapped[str] = mapped_column(String(16))
    document: Mapped[dict[str, Any]] = mapped_column(JSON(none_as_null=True))
    state: Mapped[State] = mapped_column(JOB_STATE, default=State.QUEUED, index=True)
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
    host: Mapped[Host] = relationship(back_populates="jobs", lazy="joined")
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


class UsedNonce(Base):
    """A nonce that was used up, and for which challenge and key; kept until it would have expired anyway."""

    __tablename__ = "used_nonces"

    random: Mapped[str] = mapped_column(String(32), primary_key=True)
    challenge: Mapped[str] = mapped_column(String(64))
    mac: Mapped[str] = mapped_column(String(17))
    at: Mapped[float] = mapped_column(index=True)


class Token(Base):
    """What an agent or an installed system proves itself with. Only the SHA-256 is kept."""

    __tablename__ = "tokens"

    hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    purpose: Mapped[str] = mapped_column(String(16))
    host_id: Mapped[int] = mapped_column(ForeignKey("hosts.id", ondelete="CASCADE"), index=True)
    job_id: Mapped[int | None] = mapped_column(ForeignKey("jobs.id", ondelete="CASCADE"))
    attempt: Mapped[int] = mapped_column(default=0)
    mac: Mapped[str] = mapped_column(String(17))
    expires: Mapped[float] = mapped_column(index=True)


class Event(Base):
    """One thing that was seen: on the network, from an agent, from an installed system. The timeline."""

    __tablename__ = "events"
    __table_args__ = (Index(None, "mac", "at"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[float] = mapped_column(index=True)
    kind: Mapped[str] = mapped_column(String(32))
    mac: Mapped[str] = mapped_column(String(17), default="")
    address: Mapped[str] = mapped_column(String(45), default="")
    detail: Mapped[str] = mapped_column(Text, default="")


class Audit(Base):
    """Who changed what. Never pruned, never edited."""

    __tablename__ = "audit"

    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[float]
    who: Mapped[str] = mapped_column(String(63))
    what: Mapped[str] = mapped_column(String(63))
    detail: Mapped[str] = mapped_column(Text, default="")

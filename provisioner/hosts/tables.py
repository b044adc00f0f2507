"""The tables of hosts, and of machines that were only observed."""

from __future__ import annotations

from typing import Any

from sqlalchemy import JSON, ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from provisioner.database.tables import CASCADE, Base


class Host(Base):
    """A machine we know. Its jobs go with it (the database sees to that)."""

    __tablename__ = "hosts"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(63), unique=True)
    uuid: Mapped[str] = mapped_column(String(36), default="")
    serial: Mapped[str] = mapped_column(String(128), default="")
    firmware: Mapped[str] = mapped_column(String(16), default="")
    address: Mapped[str] = mapped_column(String(45), default="")
    created: Mapped[float]
    last_seen: Mapped[float | None]
    inventory: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    phoned_home: Mapped[float | None]
    phoned_home_as: Mapped[str] = mapped_column(String(255), default="")
    macs: Mapped[list[Mac]] = relationship(cascade=CASCADE, order_by="Mac.mac", lazy="selectin")
    aliases: Mapped[list[Alias]] = relationship(cascade=CASCADE, order_by="Alias.name", lazy="selectin")


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
    architecture: Mapped[str] = mapped_column(String(16), default="", server_default="")
    uuid: Mapped[str] = mapped_column(String(36), default="", server_default="")
    vendor: Mapped[str] = mapped_column(String(128), default="", server_default="")
    model: Mapped[str] = mapped_column(String(128), default="", server_default="")
    serial: Mapped[str] = mapped_column(String(128), default="", server_default="")

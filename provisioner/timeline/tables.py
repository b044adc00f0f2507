"""The tables of what was seen and of who changed what."""

from __future__ import annotations

from sqlalchemy import Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from provisioner.database.tables import Base


class EventRow(Base):
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

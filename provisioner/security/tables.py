"""The tables of what agents and installed systems prove themselves with."""

from __future__ import annotations

from sqlalchemy import ForeignKey, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from provisioner.database.tables import Base


class UsedNonce(Base):
    """A nonce that was used up, when, and for which challenge and key: they may repeat their contact."""

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


class RevokedToken(Base):
    """A token whose host was removed while its agent had it, and in which words its agent hears of it."""

    __tablename__ = "revoked_tokens"

    hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    reason: Mapped[str] = mapped_column(Text)
    expires: Mapped[float] = mapped_column(index=True)

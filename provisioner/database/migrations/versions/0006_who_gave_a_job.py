"""Who gave a job, and the words for agents whose hosts were removed.

Revision 0006, after 0005.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go forward. In place: a copy of the table would take the jobs' steps along when the old one goes."""
    op.add_column("jobs", sa.Column("made_by", sa.String(length=63), server_default="", nullable=False))
    op.create_table(
        "revoked_tokens",
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("expires", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("hash", name=op.f("pk_revoked_tokens")),
    )
    op.create_index(op.f("ix_revoked_tokens_expires"), "revoked_tokens", ["expires"])

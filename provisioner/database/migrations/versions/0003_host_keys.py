"""The keys that hosts sign their results with.

Revision 0003, after 0002.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go forward. In place: a copy of the table would take the jobs' steps along when the old one goes."""
    op.add_column("jobs", sa.Column("host_key", sa.String(length=64), nullable=True))

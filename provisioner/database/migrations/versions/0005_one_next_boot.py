"""What a host does next follows from its job alone.

Revision 0005, after 0004.
"""

from __future__ import annotations

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go forward. In place: a copy of the table would take the hosts' jobs along when the old one goes."""
    op.drop_column("hosts", "profile")

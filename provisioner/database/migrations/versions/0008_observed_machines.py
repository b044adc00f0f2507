"""What is known of machines that are only observed.

Revision 0008, after 0007.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

COLUMNS = {"architecture": 16, "uuid": 36, "vendor": 128, "model": 128, "serial": 128}


def upgrade() -> None:
    """Go forward."""
    for name, length in COLUMNS.items():
        op.add_column(
            "observed", sa.Column(name, sa.String(length=length), server_default="", nullable=False)
        )

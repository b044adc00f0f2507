"""When the system that a job wrote has first phoned home.

Revision 0007, after 0006.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

ID, HOST = sa.column("id", sa.Integer), sa.column("host_id", sa.Integer)
PHONED_HOME, ENDED, UP = (sa.column(name, sa.Double) for name in ("phoned_home", "ended", "up"))


def upgrade() -> None:
    """Go forward. A host that has phoned home after a job's end was up then, by that job or a later one."""
    op.add_column("jobs", sa.Column("up", sa.Double(), nullable=True))
    hosts, jobs = sa.table("hosts", ID, PHONED_HOME), sa.table("jobs", HOST, ENDED, UP)
    home = sa.select(hosts.c.phoned_home).where(hosts.c.id == jobs.c.host_id).scalar_subquery()
    op.execute(sa.update(jobs).where(home >= jobs.c.ended).values(up=home))

"""unfinished tasks in their order.

Revision: 0004, after 0003
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

NAME = "ix_tasks_unfinished"
UNFINISHED = sa.text("finished_at IS NULL")


def upgrade() -> None:
    replace_index("owner_iss", "owner_sub", "created_at", "id", "state")


def downgrade() -> None:
    replace_index("owner_iss", "owner_sub", "state")


def replace_index(*columns: str) -> None:
    op.drop_index(NAME, table_name="tasks")
    op.create_index(
        NAME, "tasks", list(columns), sqlite_where=UNFINISHED, postgresql_where=UNFINISHED
    )

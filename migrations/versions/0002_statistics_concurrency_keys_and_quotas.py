"""statistics, concurrency keys and quotas.

Revision: 0002, after 0001
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    with op.batch_alter_table("tasks", schema=None) as batch_op:
        batch_op.add_column(sa.Column("concurrency_key", sa.String(length=255), nullable=True))
        batch_op.add_column(sa.Column("concurrency_limit", sa.Integer(), nullable=True))
        batch_op.add_column(sa.Column("concurrency_slot", sa.Integer(), nullable=True))
        batch_op.drop_index("ix_tasks_queue")
        batch_op.create_index(
            "ix_tasks_queue",
            ["state", sa.text("priority DESC"), "queued_at", "id"],
            unique=False,
        )
        batch_op.create_index(
            "ix_tasks_keys",
            ["state", "concurrency_key", sa.text("priority DESC"), "queued_at", "id"],
            unique=False,
            sqlite_where=sa.text("concurrency_key IS NOT NULL"),
            postgresql_where=sa.text("concurrency_key IS NOT NULL"),
        )
        batch_op.create_index(
            "ix_tasks_runs",
            ["command", "finished_at", "started_at", "state"],
            unique=False,
            sqlite_where=sa.text("finished_at IS NOT NULL"),
            postgresql_where=sa.text("finished_at IS NOT NULL"),
        )
        batch_op.create_index(
            "ix_tasks_slots",
            ["concurrency_key", "concurrency_slot"],
            unique=True,
            sqlite_where=sa.text("concurrency_slot IS NOT NULL"),
            postgresql_where=sa.text("concurrency_slot IS NOT NULL"),
        )
        batch_op.create_index(
            "ix_tasks_unfinished",
            ["owner_iss", "owner_sub", "state"],
            unique=False,
            sqlite_where=sa.text("finished_at IS NULL"),
            postgresql_where=sa.text("finished_at IS NULL"),
        )


def downgrade() -> None:
    with op.batch_alter_table("tasks", schema=None) as batch_op:
        batch_op.drop_index(
            "ix_tasks_unfinished",
            sqlite_where=sa.text("finished_at IS NULL"),
            postgresql_where=sa.text("finished_at IS NULL"),
        )
        batch_op.drop_index(
            "ix_tasks_slots",
            sqlite_where=sa.text("concurrency_slot IS NOT NULL"),
            postgresql_where=sa.text("concurrency_slot IS NOT NULL"),
        )
        batch_op.drop_index(
            "ix_tasks_runs",
            sqlite_where=sa.text("finished_at IS NOT NULL"),
            postgresql_where=sa.text("finished_at IS NOT NULL"),
        )
        batch_op.drop_index(
            "ix_tasks_keys",
            sqlite_where=sa.text("concurrency_key IS NOT NULL"),
            postgresql_where=sa.text("concurrency_key IS NOT NULL"),
        )
        batch_op.drop_index("ix_tasks_queue")
        batch_op.create_index(
            "ix_tasks_queue", ["state", "priority", "queued_at", "id"], unique=False
        )
        batch_op.drop_column("concurrency_slot")
        batch_op.drop_column("concurrency_limit")
        batch_op.drop_column("concurrency_key")

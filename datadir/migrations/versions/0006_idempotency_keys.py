"""What was done once under a key, and what was answered. Only expands."""

from alembic import op

from datadir.migrations.statements import statements

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    for statement in statements("013_idempotency_keys_schema.sql"):
        op.execute(statement)


def downgrade() -> None:
    op.execute("drop table idempotency_keys")

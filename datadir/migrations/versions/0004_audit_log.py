"""The audit log: who read or changed whose records. Only expands."""

from alembic import op

from datadir.migrations.statements import statements

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    for statement in statements("012_audit_log_schema.sql"):
        op.execute(statement)


def downgrade() -> None:
    op.execute("drop table audit_log")
    op.execute("drop function app_audit_chain()")

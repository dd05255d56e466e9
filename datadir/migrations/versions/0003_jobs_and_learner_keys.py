"""Background jobs, the keys of learners, and the version of an event."""

from alembic import op

from datadir.migrations.statements import statements

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    for file in ("006_jobs_schema.sql", "011_learner_keys_schema.sql"):
        for statement in statements(file):
            op.execute(statement)
    # The release before appends without a version: what it knows is version 1 of each type.
    op.execute("alter table outbox add column version integer default 1 not null")


def downgrade() -> None:
    op.execute("alter table outbox drop column version")
    op.execute("drop table learner_keys, jobs")

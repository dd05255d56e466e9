"""People, classrooms, meetings, assessments, documents; row policies."""

from alembic import op

from datadir.migrations.statements import statements

revision = "0001"
down_revision = None


def upgrade() -> None:
    for file in ("001_core_schema.sql", "002_documents_schema.sql", "005_events_schema.sql"):
        for statement in statements(file):
            op.execute(statement)


def downgrade() -> None:
    # At once: policies of one table read another.
    op.execute(
        "drop table outbox, documents, submissions, assessment_questions, assessments, recordings, meetings, "
        "classroom_members, classrooms, users"
    )
    for function in ("app_user_id", "app_classroom_ids", "app_taught_ids", "app_sees_all"):
        op.execute(f"drop function {function}()")

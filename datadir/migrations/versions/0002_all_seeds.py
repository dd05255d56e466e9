"""The rest of the seeds' tables: accounts, courses, progress, notes, the tutor, soft skills, simulations.

Only expands: nothing that release 0001 reads or writes changes. It locks `users` against writes, for the moment that
its foreign keys take.
"""

from alembic import op

from datadir.migrations.statements import statements

revision = "0002"
down_revision = "0001"

FILES = (
    "007_accounts_schema.sql",
    "008_courses_schema.sql",
    "009_progress_schema.sql",
    "003_tutor_sessions_schema.sql",
    "004_softskills_schema.sql",
    "010_simulations_schema.sql",
)


def upgrade() -> None:
    for file in FILES:
        for statement in statements(file):
            op.execute(statement)


def downgrade() -> None:
    # At once: policies of one table read another.
    op.execute(
        "drop table simulation_logs, simulations, scenarios, npcs, soft_skill_evaluations, session_intelligence, "
        "tutor_messages, tutor_sessions, notes, study_items, scores, progress, topics, course_analytics, "
        "user_progress, enrollments, lessons, courses, user_sessions, subscriptions, user_preferences, profiles"
    )
    op.execute("drop function app_role()")

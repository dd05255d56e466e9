"""Documents of no classroom, the knowledge base, are read by whoever learns or teaches. Only widens a policy.

Nothing that release 0004 reads or writes changes: it has no such documents. It locks `documents` for a moment.
"""

from alembic import op

revision = "0005"
down_revision = "0004"

BEFORE = "(select app_sees_all()) or classroom_id = any((select app_classroom_ids())::uuid[])"


def upgrade() -> None:
    # A program has them to ingest, which is no reading: the program itself does that, as who sees all.
    everybodys = "classroom_id is null and (select app_role()) in ('student', 'teacher')"
    op.execute(f"alter policy documents_read on documents using ({BEFORE} or ({everybodys}))")


def downgrade() -> None:
    op.execute(f"alter policy documents_read on documents using ({BEFORE})")

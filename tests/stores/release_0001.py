"""What did the release of revision 0001 send to PostgreSQL? Its statements, as they went over the wire.

They stand here and are not imported: programs go on, and this release is over. What it asked for one page of a
classroom, what it wrote at a log-in, and how it published events.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID, uuid5

Statement = tuple[str, tuple[Any, ...]]

_NAMES: Final = UUID("7a0f2a0e-6a0b-4b52-8d3c-0a51b1a1f001")
TEACHER, STUDENT, CLASSROOM, MEETING, ASSESSMENT, DOCUMENT = (uuid5(_NAMES, str(n)) for n in range(6))
EMAIL: Final = "teacher@release.test"
AT: Final = datetime(2026, 11, 21, 9, tzinfo=UTC)

ROWS: Final[list[Statement]] = [
    ("insert into users (id, email, password_hash, role) values ($1, $2, 'x', 'teacher')", (TEACHER, EMAIL)),
    ("insert into users (id, email, password_hash) values ($1, 'student@release.test', 'x')", (STUDENT,)),
    ("insert into classrooms (id, name, teacher_id) values ($1, 'Physics', $2)", (CLASSROOM, TEACHER)),
    (
        "insert into classroom_members (classroom_id, user_id, role) values ($1, $2, 'teacher'), ($1, $3, 'student')",
        (CLASSROOM, TEACHER, STUDENT),
    ),
    ("insert into meetings (id, classroom_id, scheduled_at) values ($1, $2, $3)", (MEETING, CLASSROOM, AT)),
    ("insert into recordings (meeting_id, file_url) values ($1, 'recordings/x')", (MEETING,)),
    (
        "insert into assessments (id, classroom_id, title, type, total_points) values ($1, $2, 'Optics', 'quiz', 10)",
        (ASSESSMENT, CLASSROOM),
    ),
    (
        "insert into assessment_questions (assessment_id, question_text, question_type, points, order_index) "
        "values ($1, 'Why?', 'essay', 10, 0)",
        (ASSESSMENT,),
    ),
    ("insert into submissions (assessment_id, user_id, answers) values ($1, $2, '{}')", (ASSESSMENT, STUDENT)),
    (
        "insert into documents (id, classroom_id, filename, content_type, size_bytes, object_key) "
        "values ($1, $2, 'x.pdf', 'application/pdf', 1, 'documents/x')",
        (DOCUMENT, CLASSROOM),
    ),
]
"""A row in each of its tables but the outbox."""

SCOPE: Final = (
    f"select set_config('app.user_id','{TEACHER}',true), set_config('app.role','teacher',true), "
    f"set_config('app.classroom_ids','{{{CLASSROOM}}}',true), set_config('app.taught_ids','{{{CLASSROOM}}}',true), "
    f"set_config('app.login_email','{EMAIL}',true)"
)
BEGIN_READ: Final = f"begin isolation level repeatable read read only; {SCOPE}"
BEGIN_WRITE: Final = f"begin; {SCOPE}"

_PAGE: Final = (
    "select page.* from unnest($1::uuid[]) with ordinality as parents(id, nth) cross join lateral (select {columns} "
    "where {parent} = parents.id order by {order} limit $2) as page order by parents.nth"
)
_CLASSROOM: Final = (
    "c.id, c.name, c.description, c.subject, c.teacher_id, c.join_code, c.is_active, c.created_at, "
    "(select m.role from classroom_members m where m.classroom_id = c.id and m.user_id = $2::uuid) as viewer_role"
)
_ASSESSMENT: Final = (
    "a.id, a.classroom_id, a.title, a.description, a.type, a.total_points, a.due_date as due_at, "
    "a.time_limit_minutes, a.is_proctored, a.created_at"
)
_MEETING: Final = (
    "m.id, m.classroom_id, m.title, m.description, m.scheduled_at, m.duration_minutes, m.status, m.meeting_url, "
    "m.created_at"
)

READS: Final[list[Statement]] = [
    ("select id, email, password_hash, role, is_active from users where email = $1", (EMAIL,)),
    ("select classroom_id, role from classroom_members where user_id = $1 order by classroom_id", (TEACHER,)),
    (f"select {_CLASSROOM} from classrooms c where c.id = any($1::uuid[])", ([CLASSROOM], TEACHER)),
    (
        "select u.id, u.email, coalesce(nullif(u.name, ''), split_part(u.email, '@', 1)) as name, u.role, "
        "u.avatar_url, u.is_active, u.created_at, u.last_login as last_login_at, exists (select from "
        "classroom_members m where m.user_id = u.id and m.classroom_id = any($2::uuid[])) as taught "
        "from users u where u.id = any($1::uuid[])",
        ([TEACHER, STUDENT], [CLASSROOM]),
    ),
    (
        _PAGE.format(
            columns="m.id, m.classroom_id, m.user_id, m.role, m.joined_at from classroom_members m",
            parent="m.classroom_id",
            order="m.joined_at asc nulls last, m.id asc nulls last",
        ),
        ([CLASSROOM], 21),
    ),
    (
        "select m.classroom_id as owner, count(*) as total from classroom_members m "
        "where m.classroom_id = any($1::uuid[]) and true group by 1",
        ([CLASSROOM],),
    ),
    (
        _PAGE.format(
            columns=f"{_MEETING} from meetings m",
            parent="m.classroom_id",
            order="m.scheduled_at desc nulls last, m.id desc nulls last",
        ),
        ([CLASSROOM], 6),
    ),
    (
        "select r.id, r.meeting_id, r.file_url as key, r.duration_seconds, r.file_size_bytes, r.summary, r.created_at "
        "from recordings r where r.meeting_id = any($1::uuid[]) order by r.created_at, r.id",
        ([MEETING],),
    ),
    (
        _PAGE.format(
            columns=f"{_ASSESSMENT} from assessments a",
            parent="a.classroom_id",
            order="a.created_at desc nulls last, a.id desc nulls last",
        ),
        ([CLASSROOM], 6),
    ),
    (
        "select asked.id as assessment_id, count(s.id) as count, count(s.graded_at) as graded_count, "
        "avg(s.score)::float8 as average_score from unnest($1::uuid[]) as asked(id) "
        "left join submissions s on s.assessment_id = asked.id group by 1",
        ([ASSESSMENT],),
    ),
    (
        "select d.id, d.classroom_id, d.uploaded_by, d.filename, d.document_type, d.status, d.object_key, "
        "d.page_count, d.chunk_count, d.created_at from documents d where d.id = any($1::uuid[])",
        ([DOCUMENT],),
    ),
]
"""What it asks in one transaction; each finds a row."""

LOG_IN: Final = "update users set last_login = $2, updated_at = $2 where id = $1"
APPEND: Final = (
    "insert into outbox (event_id, topic, partition, key, type, payload, at) "
    "select event_id, topic, partition, key, type, payload::jsonb, at from unnest($1::uuid[], $2::text[], $3::int[], "
    "$4::text[], $5::text[], $6::text[], $7::timestamptz[]) "
    "with ordinality as e (event_id, topic, partition, key, type, payload, at, nth) order by nth on conflict do nothing"
)


def writes(event: UUID) -> list[Statement]:
    """What it writes in one transaction at a log-in; each changes a row."""
    columns = ([event], ["accounts.events"], [3], [str(TEACHER)], ["user.logged_in"], ['{"role":"teacher"}'], [AT])
    return [(LOG_IN, (TEACHER, AT)), (APPEND, columns)]

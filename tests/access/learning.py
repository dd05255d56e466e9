"""What do people learn, for the tests of row security? A row for each of them in every table of revision 0002, and who
is promised which, worked out in plain Python."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple
from uuid import UUID

import asyncpg

from tests.access.rows import Person

Tables = Mapping[str, list[asyncpg.Record]]

KEYS: Final = {"user_preferences": "user_id", "course_analytics": "course_id", "session_intelligence": "session_id"}
"""The key's column, where it is not `id`."""

# Whose a row is, and what its owner may do with it by hand: (i)nsert, (u)pdate, (d)elete. The program and
# administrators may do everything.
OF_ONESELF: Final = {
    "profiles": "iu",
    "user_preferences": "iu",
    "subscriptions": "",
    "user_sessions": "u",
    "enrollments": "iu",
    "user_progress": "iu",
    "progress": "iu",
    "scores": "",
    "study_items": "iud",
    "notes": "iud",
    "tutor_sessions": "iu",
    "session_intelligence": "",
    "soft_skill_evaluations": "",
    "simulations": "iu",
}
BELOW: Final = {"tutor_messages": ("tutor_sessions", "session_id"), "simulation_logs": ("simulations", "simulation_id")}
"""Rows that are whose their parent is: the parent's table, the column that names it. Their owner adds what they say."""
OF_TEACHERS: Final = {"progress", "scores", "session_intelligence", "soft_skill_evaluations"}
"""What whoever teaches a classroom sees of its members too."""
OF_SERVICES: Final = {"tutor_sessions", "session_intelligence", "simulations"}
"""What a program has to find, to write what is its to write."""
OF_COURSES: Final = {"lessons", "course_analytics"}
"""Whoever sees the course sees them."""
OF_EVERYONE: Final = {"topics", "npcs", "scenarios"}
TABLES: Final = frozenset({*OF_ONESELF, *BELOW, *OF_COURSES, *OF_EVERYONE, "courses"})

_FOR_ALL: Final = (
    # The demo's own and who is logged in, for as long as the transaction lasts: every number below is then that of
    # these rows.
    "delete from user_sessions",
    "delete from enrollments",
    "delete from courses",
    "insert into topics (name, subject) values ('Limits', 'Mathematics')",
    "insert into npcs (name, role_title, system_prompt_template) values ('Ada', 'Chief Executive', 'Be brief.')",
    "insert into scenarios (title, difficulty_level, npc_id) select 'A raise', 2, id from npcs",
)
# $1: who teaches.
_FOR_TEACHERS: Final = (
    "insert into courses (title, difficulty, status, instructor_id) "
    "select status, 'beginner', status, who from unnest($1::uuid[]) who, unnest(array['draft', 'published']) status",
    "insert into lessons (course_id, title, content, position) select id, 'One', 'x', 1 from courses",
    "insert into course_analytics (course_id) select id from courses",
)
# $1: everybody. Of each one row, taken in a course that the first teacher has published.
_FOR_EACH: Final = (
    "insert into profiles (user_id, first_name) select unnest($1::uuid[]), 'Ada'",
    "insert into user_preferences (user_id) select unnest($1::uuid[])",
    "insert into subscriptions (user_id) select unnest($1::uuid[])",
    "insert into user_sessions (user_id, refresh_token_hash, expires_at) "
    "select who, md5(who::text), now() from unnest($1::uuid[]) who",
    "insert into enrollments (user_id, course_id) select who, c.id from unnest($1::uuid[]) who, "
    "(select id from courses where title = 'published' and instructor_id = $2) c",
    "insert into user_progress (user_id, lesson_id) "
    "select e.user_id, l.id from enrollments e join lessons l on l.course_id = e.course_id "
    "where e.user_id = any($1::uuid[]) and $2::uuid is not null",
    "insert into progress (user_id, topic_id) select who, t.id from unnest($1::uuid[]) who, topics t",
    "insert into scores (user_id, category, score) select unnest($1::uuid[]), 'Mathematics', 80",
    "insert into study_items (user_id, type, content) select unnest($1::uuid[]), 'note', '{}'",
    "insert into notes (user_id, type, content) select unnest($1::uuid[]), 'note', 'x'",
    "insert into tutor_sessions (user_id, title) select unnest($1::uuid[]), 'Limits'",
    "insert into tutor_messages (session_id, role, content) select id, 'user', 'Why?' from tutor_sessions",
    "insert into session_intelligence (session_id, user_id) select id, user_id from tutor_sessions",
    "insert into soft_skill_evaluations (user_id, session_type, overall_score, skills) "
    "select unnest($1::uuid[]), 'talk', 70, '[]'",
    "insert into simulations (user_id, scenario_id) select who, s.id from unnest($1::uuid[]) who, scenarios s",
    "insert into simulation_logs (simulation_id, turn_number, speaker, content) "
    "select id, 1, 'user', 'x' from simulations",
)


class Learning(NamedTuple):
    """Everybody, who is a member where, and all rows, as the program itself sees them."""

    people: Mapping[str, Person]
    members: Sequence[tuple[UUID, UUID]]
    tables: Tables


async def write(connection: Any, people: Mapping[str, Person]) -> None:
    """Write the rows, as the program."""
    everybody = [person.id for person in people.values()]
    teachers = [people["teacher"].id, people["colleague"].id]
    for sql in _FOR_ALL:
        await connection.execute(sql)
    for sql in _FOR_TEACHERS:
        await connection.execute(sql, *([teachers] if "$1" in sql else []))
    for sql in _FOR_EACH:
        given = [everybody, people["teacher"].id]
        await connection.execute(sql, *given[: sql.count("$1") + sql.count("$2")])


def promised(learning: Learning, person: Person) -> dict[str, set[object]]:
    """The keys that this person may see."""
    mine = {member for member, classroom in learning.members if classroom in person.taught}

    def seen(table: str, row: asyncpg.Record) -> bool:
        if person.role == "admin" or table in OF_EVERYONE:
            return True
        if table in OF_SERVICES and person.role == "service":
            return True
        if table == "courses":
            published = row["status"] == "published" and person.role in ("student", "teacher")
            return published or bool(row["instructor_id"] == person.id)
        if table in OF_COURSES:
            return seen("courses", of("courses", row["course_id"]))
        if table in BELOW:
            parent, column = BELOW[table]
            return bool(of(parent, row[column])["user_id"] == person.id)
        if table == "enrollments" and of("courses", row["course_id"])["instructor_id"] == person.id:
            return True
        return row["user_id"] == person.id or (table in OF_TEACHERS and row["user_id"] in mine)

    def of(table: str, key: UUID) -> asyncpg.Record:
        return next(row for row in learning.tables[table] if row["id"] == key)

    return {
        table: {row[KEYS.get(table, "id")] for row in rows if seen(table, row)}
        for table, rows in learning.tables.items()
    }

"""Which rows of courses, progress, the tutor, evaluations and simulations does PostgreSQL itself show to whom, and who
writes them? Raw SQL as the application's role, on rows that each test makes and takes back."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final
from uuid import UUID, uuid4

import asyncpg
import pytest
import pytest_asyncio

from tests.access.learning import BELOW, KEYS, OF_EVERYONE, OF_ONESELF, TABLES, Learning, promised, write
from tests.access.rows import Person, session, settings_of
from tests.access.viewers import VIEWERS
from tests.running_school import RunningSchool

SIGNED_IN: Final = [name for name in VIEWERS if name != "anonymous"]
NOBODY: Final[dict[str, object]] = {"user_id": "", "role": "", "classroom_ids": "", "taught_ids": ""}
SYSTEM: Final[dict[str, object]] = {**NOBODY, "role": "system"}


@pytest_asyncio.fixture(scope="module")
async def people(school: RunningSchool, guest: UUID) -> dict[str, Person]:
    """Everybody who logs in."""
    found = {}
    async with session(school, role="system") as system:
        for viewer in SIGNED_IN:
            user = await system.fetchrow("select id, role, email from users where email = $1", VIEWERS[viewer].email)
            places = await system.fetch("select * from classroom_members where user_id = $1", user["id"])
            taught = [place for place in places if place["role"] in ("teacher", "assistant")]
            found[viewer] = Person(
                user["id"],
                user["role"],
                user["email"],
                frozenset(place["classroom_id"] for place in places),
                frozenset(place["classroom_id"] for place in taught),
            )
    return found


@asynccontextmanager
async def learning(school: RunningSchool, people: dict[str, Person]) -> AsyncIterator[tuple[Any, Learning]]:
    """A transaction in which everybody has learned something; it is never committed."""
    async with session(school, role="system") as connection:
        await write(connection, people)
        members = await connection.fetch("select user_id, classroom_id from classroom_members")
        tables = {table: await connection.fetch(f"select * from {table}") for table in sorted(TABLES)}
        yield connection, Learning(people, [tuple(row) for row in members], tables)


async def become(connection: Any, settings: dict[str, object]) -> None:
    """From here on the transaction is somebody else's."""
    for name, value in settings.items():
        await connection.execute("select set_config($1, $2, true)", f"app.{name}", str(value))


async def is_refused(connection: Any, table: str, sql: str, *arguments: object) -> None:
    """The row policies refuse a new row."""
    refusal = f'^new row violates row-level security policy for table "{table}"$'
    with pytest.raises(asyncpg.InsufficientPrivilegeError, match=refusal):
        async with connection.transaction():
            await connection.execute(sql, *arguments)


async def insert(connection: Any, table: str, row: asyncpg.Record, **changed: object) -> str:
    """Write a row like this one; the new row's own id, unless `changed` says otherwise."""
    fresh = {"id": uuid4()} if "id" in row else {}
    values = {**row, **fresh, **changed}
    numbers = ", ".join(f"${n}" for n in range(1, len(values) + 1))
    async with connection.transaction():
        return str(
            await connection.execute(f"insert into {table} ({', '.join(values)}) values ({numbers})", *values.values())
        )


def row_of(learned: Learning, table: str, person: Person) -> asyncpg.Record:
    """This person's row."""
    if table in BELOW:
        parent, column = BELOW[table]
        above = row_of(learned, parent, person)["id"]
        return next(row for row in learned.tables[table] if row[column] == above)
    return next(row for row in learned.tables[table] if row["user_id"] == person.id)


@pytest.mark.parametrize("viewer", SIGNED_IN)
async def test_each_table_shows_a_viewer_the_promised_rows(
    viewer: str, school: RunningSchool, people: dict[str, Person]
) -> None:
    async with learning(school, people) as (connection, learned):
        wanted = promised(learned, people[viewer])
        await become(connection, settings_of(people[viewer]))
        for table in sorted(TABLES):
            key = KEYS.get(table, "id")
            assert {row[0] for row in await connection.fetch(f"select {key} from {table}")} == wanted[table], table


async def test_the_cases_tell_roles_apart(school: RunningSchool, people: dict[str, Person]) -> None:
    async with learning(school, people) as (_, learned):
        counts = {name: {t: len(keys) for t, keys in promised(learned, who).items()} for name, who in people.items()}
    everybody = len(people)
    assert all(counts["admin"][table] == len(learned.tables[table]) > 0 for table in TABLES)
    assert [counts["student"][table] for table in (*OF_ONESELF, *BELOW)] == [1] * 16
    assert (counts["student"]["courses"], counts["teacher"]["courses"], counts["service"]["courses"]) == (2, 3, 0)
    assert (counts["teacher"]["enrollments"], counts["colleague"]["enrollments"]) == (everybody, 1)
    # The teacher, the assistant, the guest and the student are members of the classroom of mathematics.
    assert (counts["teacher"]["progress"], counts["assistant"]["progress"], counts["guest"]["scores"]) == (4, 4, 1)
    assert (counts["teacher"]["notes"], counts["teacher"]["tutor_sessions"], counts["teacher"]["simulations"]) == (
        1,
    ) * 3
    assert (counts["service"]["simulations"], counts["service"]["simulation_logs"]) == (everybody, 1)


@pytest.mark.parametrize("table", sorted(TABLES))
async def test_without_a_setting_there_are_no_rows(
    table: str, school: RunningSchool, people: dict[str, Person]
) -> None:
    async with learning(school, people) as (connection, learned):
        await become(connection, NOBODY)
        assert await connection.fetch(f"select * from {table}") == []
        stranger = {"user_id": uuid4(), "role": "student", "classroom_ids": f"{{{uuid4()}}}", "taught_ids": ""}
        await become(connection, stranger)
        seen = {row[0] for row in await connection.fetch(f"select {KEYS.get(table, 'id')} from {table}")}
    nobody = Person(uuid4(), "student", "", frozenset(), frozenset())
    assert seen == promised(learned, nobody)[table]
    assert not seen or table in {*OF_EVERYONE, "courses", "lessons", "course_analytics"}


# Writing


@pytest.mark.parametrize("table", sorted(OF_ONESELF))
async def test_of_ones_own_rows_one_writes_what_is_ones_own_to_write(
    table: str, school: RunningSchool, people: dict[str, Person]
) -> None:
    student, verbs = people["student"], OF_ONESELF[table]
    async with learning(school, people) as (connection, learned):
        row = row_of(learned, table, student)
        await become(connection, settings_of(student))
        assert await connection.execute(f"update {table} set updated_at = now()") == f"UPDATE {int('u' in verbs)}"
        assert await connection.execute(f"delete from {table}") == f"DELETE {int('d' in verbs)}"
        await become(connection, SYSTEM)
        await connection.execute(f"delete from {table} where user_id = $1", student.id)
        await become(connection, settings_of(student))
        if "i" in verbs:
            assert await insert(connection, table, row) == "INSERT 0 1"
        else:
            with pytest.raises(asyncpg.InsufficientPrivilegeError, match="row-level security"):
                await insert(connection, table, row)


@pytest.mark.parametrize("writer", ["outsider", "student", "guest"])
@pytest.mark.parametrize("table", sorted({*OF_ONESELF, *BELOW}))
async def test_nobody_writes_what_is_anothers(
    table: str, writer: str, school: RunningSchool, people: dict[str, Person]
) -> None:
    async with learning(school, people) as (connection, learned):
        row, whose = row_of(learned, table, people["assistant"]), KEYS.get(table, "id")
        await become(connection, settings_of(people[writer]))
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="row-level security"):
            await insert(connection, table, row)
        assert await connection.execute(f"update {table} set updated_at = now() where {whose} = $1", row[whose]) == (
            "UPDATE 0"
        )
        assert await connection.execute(f"delete from {table} where {whose} = $1", row[whose]) == "DELETE 0"
        mine = row_of(learned, table, people[writer])
        if "u" in OF_ONESELF.get(table, "") and "user_id" in row:
            with pytest.raises(asyncpg.InsufficientPrivilegeError, match="row-level security"):
                async with connection.transaction():
                    given_away = f"update {table} set user_id = $1 where {whose} = $2"
                    await connection.execute(given_away, people["assistant"].id, mine[whose])


@pytest.mark.parametrize("table", sorted(OF_EVERYONE))
async def test_what_everyone_reads_the_program_writes_and_services_some_of_it(
    table: str, school: RunningSchool, people: dict[str, Person]
) -> None:
    async with learning(school, people) as (connection, learned):
        [row] = learned.tables[table]
        others = {"name": "Another"} if table == "topics" else {}
        for writer in ("student", "teacher", *(["service"] if table == "topics" else [])):
            await become(connection, settings_of(people[writer]))
            with pytest.raises(asyncpg.InsufficientPrivilegeError, match="row-level security"):
                await insert(connection, table, row, **others)
            assert await connection.execute(f"update {table} set updated_at = now()") == "UPDATE 0"
            assert await connection.execute(f"delete from {table}") == "DELETE 0"
        await become(connection, settings_of(people["admin" if table == "topics" else "service"]))
        assert await insert(connection, table, row, **others) == "INSERT 0 1"
        assert await connection.execute(f"update {table} set updated_at = now()") == "UPDATE 2"


async def test_teachers_write_their_own_courses(school: RunningSchool, people: dict[str, Person]) -> None:
    async with learning(school, people) as (connection, learned):
        own = next(row for row in learned.tables["courses"] if row["instructor_id"] == people["teacher"].id)
        other = next(row for row in learned.tables["courses"] if row["instructor_id"] == people["colleague"].id)
        lesson = learned.tables["lessons"][0]
        await become(connection, settings_of(people["teacher"]))
        assert await insert(connection, "courses", own) == "INSERT 0 1"
        assert await insert(connection, "lessons", lesson, course_id=own["id"]) == "INSERT 0 1"
        assert await connection.execute("update courses set title = 'Mine'") == "UPDATE 3"
        for table, row, changed in (("courses", other, {}), ("lessons", lesson, {"course_id": other["id"]})):
            with pytest.raises(asyncpg.InsufficientPrivilegeError, match="row-level security"):
                await insert(connection, table, row, **changed)
        await become(connection, settings_of(people["student"]))
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="row-level security"):
            await insert(connection, "courses", own, instructor_id=people["student"].id)
        assert await connection.execute("update lessons set content = 'x'") == "UPDATE 0"


async def test_nobody_enrols_in_a_draft(school: RunningSchool, people: dict[str, Person]) -> None:
    enrol = "insert into enrollments (user_id, course_id) values ($1, $2)"
    async with learning(school, people) as (connection, learned):
        theirs = [row for row in learned.tables["courses"] if row["instructor_id"] == people["colleague"].id]
        draft, published = sorted(theirs, key=lambda row: row["status"])
        await become(connection, settings_of(people["student"]))
        await is_refused(connection, "enrollments", enrol, people["student"].id, draft["id"])
        assert await connection.execute(enrol, people["student"].id, published["id"]) == "INSERT 0 1"


async def test_a_learner_speaks_as_nobody_else_and_a_service_as_no_learner(
    school: RunningSchool, people: dict[str, Person]
) -> None:
    say = "insert into tutor_messages (session_id, role, content) values ($1, $2, 'x')"
    turn = "insert into simulation_logs (simulation_id, turn_number, speaker, content) values ($1, 2, $2, 'x')"
    async with learning(school, people) as (connection, learned):
        talk = row_of(learned, "tutor_sessions", people["student"])["id"]
        run = row_of(learned, "simulations", people["student"])["id"]
        await become(connection, settings_of(people["student"]))
        assert await connection.execute(say, talk, "user") == "INSERT 0 1"
        assert await connection.execute(turn, run, "user") == "INSERT 0 1"
        await is_refused(connection, "tutor_messages", say, talk, "assistant")
        await is_refused(connection, "simulation_logs", turn, run, "npc")
        await become(connection, settings_of(people["service"]))
        assert await connection.execute(say, talk, "assistant") == "INSERT 0 1"
        assert await connection.execute(turn, run, "npc") == "INSERT 0 1"
        await is_refused(connection, "simulation_logs", turn, run, "user")
        completed = "update simulations set status = 'completed', learning_outcome_score = 70 where id = $1"
        assert await connection.execute(completed, run) == "UPDATE 1"
        assert await connection.execute("update session_intelligence set topic = 'Limits'") == f"UPDATE {len(people)}"


async def test_evaluations_are_written_by_services_and_by_whoever_teaches_the_learner(
    school: RunningSchool, people: dict[str, Person]
) -> None:
    evaluate = (
        "insert into soft_skill_evaluations (user_id, session_type, overall_score, skills) values ($1, 'x', 1, '[]')"
    )
    student, outsider = people["student"].id, people["outsider"].id
    async with learning(school, people) as (connection, _):
        for writer in ("teacher", "assistant"):
            await become(connection, settings_of(people[writer]))
            assert await connection.execute(evaluate, student) == "INSERT 0 1"
            await is_refused(connection, "soft_skill_evaluations", evaluate, outsider)
        await become(connection, settings_of(people["service"]))
        assert await connection.execute(evaluate, outsider) == "INSERT 0 1"
        await become(connection, settings_of(people["student"]))
        await is_refused(connection, "soft_skill_evaluations", evaluate, student)

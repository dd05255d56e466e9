"""Which rows does PostgreSQL itself show to whom? Raw SQL as the application's role, whatever the program would ask."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple
from uuid import UUID, uuid4

import asyncpg
import pytest
import pytest_asyncio

from datadir.scope import SYSTEM
from loaders.jobs import insert_job
from tests.access.learning import TABLES as OF_LEARNING
from tests.access.rows import Person, session, settings_of
from tests.access.viewers import VIEWERS
from tests.running_school import RunningSchool

ROLE: Final = "studygraph_app"
# What the school holds; tables of learning are in `learning.py`. A table that is in no list makes a test fail: decide
# who may see its rows, then write it.
PROTECTED: Final = {
    "public.users",
    "public.classrooms",
    "public.classroom_members",
    "public.meetings",
    "public.recordings",
    "public.assessments",
    "public.assessment_questions",
    "public.submissions",
    "public.documents",
    "public.outbox",
    "public.jobs",
    "public.learner_keys",
}
APPENDED_ONLY: Final = {"public.audit_log"}
"""Which nobody changes: see tests/stores/test_audit_log.py."""
OF_ONE_ALONE: Final = {"public.idempotency_keys"}
"""Which nobody sees but their owner, administrators included: see tests/idempotency/test_rows.py."""
PROGRAMS_OWN: Final = ("outbox", "learner_keys")
"""Of these administrators see nothing either."""
_CASSANDRA: Final = "stands in for Cassandra, which knows no rows' owners: the door is which partitions are asked for"
OPEN: Final = {
    "public.alembic_version": "the schema's revision; the application may not even read it",
    "embedded.user_engagement": _CASSANDRA,
    "embedded.events": _CASSANDRA,
    "embedded.learning_progress": _CASSANDRA,
    "embedded.page_view_stats": _CASSANDRA,
    "embedded.log_end": "stands in for Kafka: how far each partition is",
    "embedded.consumer_member": "stands in for Kafka: which programs read",
    "embedded.consumer": "stands in for Kafka: how far they have read",
}


class Rows(NamedTuple):
    """All rows of the school, as the program itself sees them."""

    people: Mapping[str, Person]
    tables: Mapping[str, list[asyncpg.Record]]


@pytest_asyncio.fixture(scope="module")
async def rows(school: RunningSchool, guest: UUID, knowledge: UUID) -> Rows:
    await a_job_of_each(school, [email for _, email in VIEWERS.values()])
    tables: dict[str, list[asyncpg.Record]] = {}
    async with session(school, role="system") as system:
        for name in PROTECTED:
            tables[name.removeprefix("public.")] = await system.fetch(f"select * from {name}")
    people = {}
    for viewer, (_, email) in VIEWERS.items():
        for user in tables["users"]:
            if user["email"] == email:
                places = [each for each in tables["classroom_members"] if each["user_id"] == user["id"]]
                people[viewer] = Person(
                    user["id"],
                    user["role"],
                    user["email"],
                    frozenset(each["classroom_id"] for each in places),
                    frozenset(each["classroom_id"] for each in places if each["role"] in ("teacher", "assistant")),
                )
    assert set(people) == set(VIEWERS) - {"anonymous"}
    return Rows(people, tables)


async def a_job_of_each(school: RunningSchool, emails: list[str]) -> None:
    """A job for each of these people, of a kind that nobody runs."""
    async with school.services.stores.postgresql.transaction(SYSTEM) as tx:
        owners = await tx.fetch("select id from users where email = any($1) order by email", emails)
        for row in [{"id": None}, *owners]:
            await insert_job(tx, "nobodys.work", {}, owner=row["id"])


def promised(rows: Rows, person: Person) -> dict[str, set[object]]:
    """The keys that this person may see, worked out in plain Python from all rows."""
    tables = rows.tables

    def keys(table: str, seen: Any) -> set[object]:
        return {row["id"] for row in tables[table] if person.role == "admin" or seen(row)}

    here = person.classrooms
    fellows = {row["user_id"] for row in tables["classroom_members"] if row["classroom_id"] in here}
    fellows |= {row["teacher_id"] for row in tables["classrooms"] if row["id"] in here}
    classroom_of_meeting = {row["id"]: row["classroom_id"] for row in tables["meetings"]}
    classroom_of_assessment = {row["id"]: row["classroom_id"] for row in tables["assessments"]}
    return {
        "users": keys("users", lambda row: row["id"] in fellows | {person.id} or person.role == "service"),
        "classrooms": keys("classrooms", lambda row: row["id"] in here),
        "classroom_members": keys("classroom_members", lambda row: row["classroom_id"] in here),
        "meetings": keys("meetings", lambda row: row["classroom_id"] in here),
        "recordings": keys("recordings", lambda row: classroom_of_meeting[row["meeting_id"]] in here),
        "assessments": keys("assessments", lambda row: row["classroom_id"] in here),
        "assessment_questions": keys(
            "assessment_questions", lambda row: classroom_of_assessment[row["assessment_id"]] in here
        ),
        "submissions": keys(
            "submissions",
            lambda row: row["user_id"] == person.id or classroom_of_assessment[row["assessment_id"]] in person.taught,
        ),
        "documents": keys(
            "documents",
            lambda row: (
                row["classroom_id"] in here or (row["classroom_id"] is None and person.role in ("student", "teacher"))
            ),
        ),
        "outbox": set(),
        "jobs": keys("jobs", lambda row: row["owner"] == person.id),
        "learner_keys": set(),
    }


@pytest.mark.parametrize("viewer", [name for name in VIEWERS if name != "anonymous"])
async def test_each_table_shows_a_viewer_the_promised_rows(viewer: str, school: RunningSchool, rows: Rows) -> None:
    wanted = promised(rows, rows.people[viewer])
    async with session(school, **settings_of(rows.people[viewer])) as mine:
        for table in rows.tables:
            key = "position" if table == "outbox" else "id"
            assert {row[0] for row in await mine.fetch(f"select {key} from {table}")} == wanted[table], table


async def test_the_cases_tell_roles_apart(rows: Rows) -> None:
    seen = {viewer: promised(rows, person) for viewer, person in rows.people.items()}
    assert len(seen["student"]["classrooms"]) == len(seen["teacher"]["classrooms"]) == 1
    assert len(seen["assistant"]["classrooms"]) == len(seen["guest"]["classrooms"]) == 2
    assert len(seen["student"]["submissions"]) < len(seen["teacher"]["submissions"])
    assert seen["service"]["users"] == seen["admin"]["users"] > seen["student"]["users"]
    assert len(seen["outsider"]["documents"] & seen["student"]["documents"]) == 1, "of the knowledge base"
    assert not any(seen["service"][table] for table in rows.tables if table not in ("users", "jobs"))
    everything = [table for table in rows.tables if table not in PROGRAMS_OWN]
    assert all(len(seen["admin"][table]) == len(rows.tables[table]) > 0 for table in everything)
    assert len(seen["student"]["jobs"]) == len(seen["service"]["jobs"]) == 1


@pytest.mark.parametrize("table", sorted(PROTECTED))
async def test_without_a_setting_there_are_no_rows(table: str, school: RunningSchool, rows: Rows) -> None:
    there = rows.tables[table.removeprefix("public.")]
    assert there, "there is something to hide"
    async with school.services.stores.postgresql.pool.acquire() as bare:
        assert await bare.fetchval("select current_user") == ROLE
        assert await bare.fetch(f"select * from {table}") == []
    async with session(school, user_id="", role="", classroom_ids="", taught_ids="", login_email="") as empty:
        assert await empty.fetch(f"select * from {table}") == []
    async with session(school, role="student", user_id=uuid4(), classroom_ids=f"{{{uuid4()}}}") as stranger:
        found = await stranger.fetch(f"select * from {table}")
        # The knowledge base is for whoever learns, wherever that is.
        assert found == [row for row in there if table == "public.documents" and row["classroom_id"] is None]


async def test_a_log_in_sees_the_one_account_it_names_and_nothing_else(school: RunningSchool, rows: Rows) -> None:
    person = rows.people["student"]
    async with session(school, login_email=person.email) as login:
        assert [row["id"] for row in await login.fetch("select id from users")] == [person.id]
        for table in rows.tables:
            if table != "users":
                assert await login.fetch(f"select * from {table}") == [], table
        assert await login.execute("update users set name = 'Mallory'") == "UPDATE 0"
    for pattern in ("%", person.email.upper(), ""):
        async with session(school, login_email=pattern) as login:
            assert await login.fetch("select id from users") == []


async def test_the_system_sees_and_writes_everything(school: RunningSchool, rows: Rows) -> None:
    async with session(school, role="system") as system:
        for table, all_rows in rows.tables.items():
            assert await system.fetchval(f"select count(*) from {table}") >= len(all_rows) > 0
        assert (
            await system.execute("update classrooms set description = description")
            == f"UPDATE {len(rows.tables['classrooms'])}"
        )


async def test_a_teacher_who_is_no_member_is_still_shown_on_the_classrooms_page(
    school: RunningSchool, rows: Rows
) -> None:
    student, teacher = rows.people["student"], rows.people["teacher"]
    async with session(school, role="system") as connection:
        await connection.execute("delete from classroom_members where user_id = $1", teacher.id)
        for name, value in settings_of(student).items():
            await connection.execute("select set_config($1, $2, true)", f"app.{name}", str(value))
        assert await connection.fetchval("select count(*) from classroom_members where user_id = $1", teacher.id) == 0
        assert await connection.fetchval("select name from users where id = $1", teacher.id) == "Henrik Sorensen"


# Writing

WRITERS: Final = ["outsider", "colleague", "student", "guest", "assistant", "teacher", "service"]


@pytest.mark.parametrize("writer", WRITERS)
@pytest.mark.parametrize("table", sorted(name.removeprefix("public.") for name in PROTECTED - {"public.outbox"}))
async def test_nobody_writes_by_hand_but_the_program_and_administrators(
    table: str, writer: str, school: RunningSchool, rows: Rows
) -> None:
    person, row = rows.people[writer], rows.tables[table][0]
    columns = ", ".join(name for name in row.keys() if name != "id")  # noqa: SIM118 - a record is no mapping
    refused = f'new row violates row-level security policy for table "{table}"'
    async with session(school, **settings_of(person)) as mine:
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match=f"^{refused}$"):
            await mine.execute(
                f"insert into {table} ({columns}) values ({', '.join(f'${n}' for n in range(1, len(row)))})",
                *(value for name, value in row.items() if name != "id"),
            )
    async with session(school, **settings_of(person)) as mine:
        others = "id <> $1" if table == "users" else "$1::uuid is not null"
        assert await mine.execute(f"update {table} set updated_at = now() where {others}", person.id) == "UPDATE 0"
        assert await mine.execute(f"delete from {table} where {others}", person.id) == "DELETE 0"


async def test_one_changes_ones_own_account_and_gives_it_to_nobody(school: RunningSchool, rows: Rows) -> None:
    student, teacher = rows.people["student"], rows.people["teacher"]
    async with session(school, **settings_of(student)) as mine:
        assert await mine.execute("update users set name = 'Ines C.'") == "UPDATE 1"
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="row-level security"):
            await mine.execute("update users set id = $1 where id = $2", uuid4(), student.id)
    async with session(school, **settings_of(student)) as mine:
        assert await mine.execute("update users set name = 'x' where id = $1", teacher.id) == "UPDATE 0"
        assert await mine.execute("delete from users") == "DELETE 0"


@pytest.mark.parametrize("writer", ["student", "admin"])
async def test_events_are_appended_by_everyone_and_read_by_the_program(
    writer: str, school: RunningSchool, rows: Rows
) -> None:
    append = (
        "insert into outbox (event_id, topic, partition, key, type, payload, at) "
        "values ($1, 'accounts.events', 0, 'k', 't', '{}', now())"
    )
    async with session(school, **settings_of(rows.people[writer])) as mine:
        assert await mine.execute(append, uuid4()) == "INSERT 0 1"
        assert await mine.fetchval("select count(*) from outbox") == 0
        assert await mine.execute("update outbox set type = 'x'") == "UPDATE 0"
        assert await mine.execute("delete from outbox") == "DELETE 0"


# The role and the tables


async def test_the_application_owns_nothing_and_bypasses_nothing(school: RunningSchool) -> None:
    async with session(school) as mine:
        role = await mine.fetchrow("select * from pg_roles where rolname = current_user")
        owned = await mine.fetch("select relname from pg_class where relowner = current_user::regrole")
        held = await mine.fetch(
            "select r.rolname from pg_auth_members m join pg_roles r on r.oid = m.roleid "
            "where m.member = current_user::regrole"
        )
    assert role["rolname"] == ROLE
    powers = ["rolsuper", "rolbypassrls", "rolcreaterole", "rolcreatedb", "rolreplication"]
    assert {name: role[name] for name in powers} == dict.fromkeys(powers, False)
    assert (owned, held) == ([], [])


async def test_every_table_with_somebodys_data_is_protected_from_its_owner_too(school: RunningSchool) -> None:
    protected = PROTECTED | APPENDED_ONLY | OF_ONE_ALONE | {f"public.{table}" for table in OF_LEARNING}
    async with session(school) as mine:
        tables = await mine.fetch(
            "select n.nspname || '.' || c.relname as name, c.relrowsecurity and c.relforcerowsecurity as protected "
            "from pg_class c join pg_namespace n on n.oid = c.relnamespace "
            "where c.relkind in ('r', 'p', 'f', 'm') "
            "and n.nspname not in ('pg_catalog', 'information_schema', 'pg_toast')"
        )
        views = await mine.fetch(
            "select c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace where c.relkind = 'v' "
            "and n.nspname not in ('pg_catalog', 'information_schema') "
            "and not coalesce('security_invoker=true' = any(c.reloptions), false)"
        )
        bypassing = await mine.fetch(
            "select p.proname from pg_proc p join pg_namespace n on n.oid = p.pronamespace "
            "where p.prosecdef and n.nspname in ('public', 'embedded')"
        )
        for name in sorted(protected):
            policies = await mine.fetch("select cmd from pg_policies where schemaname || '.' || tablename = $1", name)
            assert {row["cmd"] for row in policies} & {"SELECT", "ALL"}, name
    assert {row["name"] for row in tables} == protected | set(OPEN)
    assert {row["name"] for row in tables if row["protected"]} == protected
    assert (views, bypassing) == ([], []), "a plain view, or a function with its owner's rights, shows every row"


@pytest.mark.parametrize(
    "statement",
    [
        "truncate users",
        "alter table users disable row level security",
        "drop table users",
        "create policy all_of_it on users using (true)",
        "select * from alembic_version",
        "set role studygraph",
        "create table public.mine (a int)",
    ],
)
async def test_the_application_cannot_open_what_is_closed(statement: str, school: RunningSchool) -> None:
    async with session(school, role="admin") as mine:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await mine.execute(statement)

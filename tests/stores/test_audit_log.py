"""Does the audit log notice whatever is done to it? Chain in PostgreSQL, heads in object storage. (Threat 40.)"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter
from typing import Any, Final
from uuid import UUID, uuid4

import asyncpg
import pytest
import pytest_asyncio

from datadir.audit import DEADLINE, MOST_WAITING, AuditLog
from datadir.audit_check import MOST_SENTENCES, Verdict, sentences, verified
from datadir.errors import StoreTimeout, StoreUnavailable
from datadir.migrations import migrate
from datadir.minio.embedded import FolderObjects
from datadir.postgresql.audit_log import NOTHING_BEFORE, ROWS, AuditRow, ChainedRecord, append, hash_of
from datadir.postgresql.client import Postgres
from datadir.postgresql.embedded import DATABASE, PostgresAddress
from datadir.scope import SYSTEM, Scope
from tests.event_loop import ROOT
from tests.stores.migrations_contract import connected
from tests.stores.postgresql_pool_contract import eventually

LOCK: Final = 7378697629483820648
ADA: Final = UUID("00000000-0000-4000-8000-0000000000ad")
WITHOUT_CHAIN: Final = "set session_replication_role = replica"
"""Whoever owns the server can do this: triggers are silent."""


@dataclass
class Kept:
    """A log of its own, the owner of its database, and the folder of its heads."""

    dsn: str
    owner: asyncpg.Connection
    postgresql: Postgres
    folder: Path
    objects: FolderObjects
    logs: list[AuditLog] = field(default_factory=list)

    def process(self) -> AuditLog:
        """The log as one more process has it."""
        self.logs.append(AuditLog(self.postgresql, self.objects))
        return self.logs[-1]

    async def rows(self) -> list[ChainedRecord]:
        """All rows."""
        return await self.owner.fetch(f"{ROWS} order by position", record_class=ChainedRecord)

    async def heads(self) -> dict[str, dict[str, Any]]:
        """What object storage keeps."""
        return {
            each.key: json.loads((await self.objects.get(each.key)).data) for each in await self.objects.list("audit")
        }

    async def verified(self, **more: Any) -> Verdict:
        """What the check says."""
        return await verified(self.postgresql, self.objects, **more)

    async def broken(self) -> list[str]:
        """What the check says is broken; keys of heads as KEY."""
        keys = await self.heads()
        found = (await self.verified()).broken
        for key in keys:
            found = [each.replace(key, "KEY") for each in found]
        return found


@pytest_asyncio.fixture(scope="module")
async def template(postgres_address: PostgresAddress) -> AsyncIterator[str]:
    """A database that tests copy."""
    name = f"audited_{uuid4().hex[:12]}"
    async with connected(postgres_address.owner_dsn) as server:
        await server.execute(f"create database {name}")
        await migrate.upgrade(postgres_address.owner_dsn.replace(f"/{DATABASE}?", f"/{name}?"))
        yield name
        await server.execute(f"drop database {name} with (force)")


@pytest_asyncio.fixture
async def kept(postgres_address: PostgresAddress, template: str, tmp_path: Path) -> AsyncIterator[Kept]:
    """An empty log."""
    name = f"{template}_{uuid4().hex[:6]}"
    async with connected(postgres_address.owner_dsn) as server:
        await server.execute(f"create database {name} template {template}")
        dsn = postgres_address.owner_dsn.replace(f"/{DATABASE}?", f"/{name}?")
        async with connected(dsn) as owner:
            postgresql = await Postgres.open(dsn, min_size=1, max_size=4, read_deadline=5.0)
            objects = await FolderObjects.open(tmp_path / "minio", public_url="http://x.test", secret="x" * 32)
            found = Kept(dsn, owner, postgresql, tmp_path / "minio", objects)
            yield found
            for log in found.logs:
                await log.close()
            await postgresql.close()
        await server.execute(f"drop database {name} with (force)")


@pytest_asyncio.fixture
async def three(kept: Kept) -> Kept:
    """A log of three rows, written by one process."""
    log = kept.process()
    for number in (1, 2, 3):
        subjects = [f"User:{ADA}", f"Classroom:{uuid4()}"][:number]
        await log.write([AuditRow(ADA, "read", "Look", "0a1b", subjects=subjects, fields=["User.name", "User.email"])])
    assert await kept.broken() == []
    return kept


async def test_each_row_has_the_hash_of_the_row_before(three: Kept) -> None:
    rows = await three.rows()
    assert [row.position for row in rows] == [1, 2, 3]
    assert [row.previous for row in rows] == [NOTHING_BEFORE, rows[0].hash, rows[1].hash]
    assert [row.hash for row in rows] == [hash_of(row) for row in rows]
    assert sorted(row.created_at for row in rows) == [row.created_at for row in rows]
    assert list((await three.heads()).values()) == [{"position": 3, "hash": rows[2].hash}]
    assert await three.verified() == Verdict(rows=3, kept=3)


async def test_an_empty_log_is_whole(kept: Kept) -> None:
    assert await kept.verified() == Verdict()


async def test_what_is_rolled_back_leaves_no_gap(three: Kept) -> None:
    with pytest.raises(ZeroDivisionError):
        async with three.postgresql.transaction(SYSTEM) as tx:
            await append(tx, AuditRow(ADA, "setUserRole"))
            raise ZeroDivisionError
    await three.process().write([AuditRow(ADA, "read")])
    assert [row.position for row in await three.rows()] == [1, 2, 3, 4]
    assert await three.verified() == Verdict(rows=4, kept=4)


async def test_a_row_of_somebody_elses_transaction_is_kept_by_writing_nothing(three: Kept) -> None:
    async with three.postgresql.transaction(SYSTEM) as tx:
        await append(tx, AuditRow(ADA, "setUserRole"))
    assert (await three.verified()).kept == 3
    await three.logs[0].write([])
    assert await three.verified() == Verdict(rows=4, kept=4)


# What is noticed

FOUND: Final = [
    ("update audit_log set actor_id = gen_random_uuid() where position = 2", "its hash is not that of what it says"),
    ("update audit_log set action = 'blink' where position = 2", "its hash is not that of what it says"),
    ("update audit_log set outcome = 'refused' where position = 2", "its hash is not that of what it says"),
    ("update audit_log set operation = 'Other' where position = 2", "its hash is not that of what it says"),
    ("update audit_log set request_id = '' where position = 2", "its hash is not that of what it says"),
    ("update audit_log set id = gen_random_uuid() where position = 2", "its hash is not that of what it says"),
    ("update audit_log set subjects = subjects[1:1] where position = 2", "its hash is not that of what it says"),
    ("update audit_log set fields = '{}' where position = 2", "its hash is not that of what it says"),
    (
        "update audit_log set created_at = created_at - interval '1 us' where position = 2",
        "its hash is not that of what it says",
    ),
]


@pytest.mark.parametrize(("statement", "why"), FOUND)
async def test_whatever_is_changed_in_a_row_is_noticed(three: Kept, statement: str, why: str) -> None:
    assert await three.owner.execute(statement) == "UPDATE 1"
    assert await three.broken() == [f"Row 2 was changed: {why}."]


async def rehashed(kept: Kept, position: int) -> None:
    """Give a row the hash that goes with what it says now."""
    row = next(row for row in await kept.rows() if row.position == position)
    await kept.owner.execute("update audit_log set hash = $2 where position = $1", position, hash_of(row))


async def test_a_row_that_is_changed_with_its_hash_has_no_successor(three: Kept) -> None:
    await three.owner.execute("update audit_log set actor_id = null where position = 2")
    await rehashed(three, 2)
    assert await three.broken() == ["Row 3 does not follow row 2: one of the two was put there later."]


async def test_a_chain_that_is_made_anew_to_its_end_has_another_head(three: Kept) -> None:
    await three.owner.execute("update audit_log set actor_id = null where position = 2")
    await rehashed(three, 2)
    before = (await three.rows())[1].hash
    await three.owner.execute("update audit_log set previous = $1 where position = 3", before)
    await rehashed(three, 3)
    assert await three.broken() == ["Row 3 is not the one that was there when its head was kept as KEY."]


@pytest.mark.parametrize(
    ("gone", "said"),
    [
        ("position = 2", "Row 2 is missing."),
        ("position = 1", "Row 1 is missing."),
        ("position < 3", "Rows 1 to 2 are missing."),
        ("position = 3", "Rows after row 2 are gone: a head is kept of row 3."),
        ("position > 1", "Rows after row 1 are gone: a head is kept of row 3."),
        ("true", "Rows after the beginning are gone: a head is kept of row 3."),
    ],
)
async def test_rows_that_are_taken_away_are_noticed(three: Kept, gone: str, said: str) -> None:
    await three.owner.execute(f"delete from audit_log where {gone}")
    assert await three.broken() == [said]


async def test_rows_in_the_place_of_those_that_were_cut_off_hide_nothing(three: Kept) -> None:
    """The same process, another one, and one that starts later: the head of before stays for the check to find."""
    await three.owner.execute("delete from audit_log where position = 3")
    for log in (three.logs[0], three.process(), three.process()):
        await log.write([AuditRow(ADA, "read")])
    assert [row.position for row in await three.rows()] == [1, 2, 3, 4, 5]
    assert sorted(each["position"] for each in (await three.heads()).values()) == [3, 3, 4, 5]
    assert await three.broken() == ["Row 3 is not the one that was there when its head was kept as KEY."]


async def test_a_second_chain_is_noticed(three: Kept) -> None:
    await three.owner.execute("alter table audit_log drop constraint audit_log_pkey")
    await three.owner.execute("alter table audit_log drop constraint audit_log_previous_key")
    await three.owner.execute(WITHOUT_CHAIN)
    forged = (await three.rows())[2]
    columns = ", ".join(ChainedRecord.columns)
    values = [uuid4() if name == "id" else value for name, value in forged.items()]
    numbers = ", ".join(f"${number}" for number in range(1, len(values) + 1))
    await three.owner.execute(f"insert into audit_log ({columns}) values ({numbers})", *values)
    found = await three.broken()
    assert "There are two rows 3: somebody began a second chain there." in found
    assert "Row 3 was changed: its hash is not that of what it says." in found


async def test_the_database_takes_no_second_row_after_one(three: Kept) -> None:
    await three.owner.execute(WITHOUT_CHAIN)
    with pytest.raises(asyncpg.UniqueViolationError, match="audit_log_previous_key"):
        await three.owner.execute(
            "insert into audit_log (position, action, previous, hash) "
            "select 4, action, previous, hash from audit_log where position = 3"
        )


async def test_heads_that_are_gone_or_unreadable_are_noticed(three: Kept) -> None:
    [key] = await three.heads()
    await three.objects.put(key, b"{}", "application/json")
    assert await three.broken() == ["The head kept as KEY is no head."]
    await three.objects.delete(key)
    assert await three.broken() == ["No head is kept in object storage: rows cut off at the end would not be noticed."]


async def test_page_by_page_it_is_the_same(three: Kept) -> None:
    await three.logs[0].write([AuditRow(ADA, "read"), AuditRow(None, "createAdministrator")])
    heard: list[tuple[int, int]] = []
    assert await three.verified(at_once=2, report=lambda *said: heard.append(said)) == Verdict(rows=5, kept=5)
    assert heard == [(0, 5), (2, 5), (4, 5), (5, 5)]
    await three.owner.execute("delete from audit_log where position in (3, 4)")
    assert (await three.verified(at_once=1)).broken == ["Rows 3 to 4 are missing."]


def test_much_that_is_broken_is_said_in_short() -> None:
    broken = [f"Row {number} is missing." for number in range(30)]
    assert sentences(broken) == [*broken[:MOST_SENTENCES], "And 10 more of the same kind."]
    assert sentences(broken[:20]) == broken[:20]


# Who may do what

APPEND: Final = "insert into audit_log (actor_id, action) values ($1, 'read')"


@asynccontextmanager
async def acting(kept: Kept, scope: Scope) -> AsyncIterator[Any]:
    """A connection of the application, as this viewer; nothing of it stays."""
    with pytest.raises(ZeroDivisionError):
        async with kept.postgresql.transaction(scope) as tx:
            yield tx.connection
            raise ZeroDivisionError


@pytest.mark.parametrize(
    "statement",
    [
        "update audit_log set action = 'x'",
        "delete from audit_log",
        "truncate audit_log",
        "drop table audit_log",
        "alter table audit_log disable trigger audit_log_chain",
        "insert into audit_log (action, position) values ('read', 9)",
        "insert into audit_log (action, previous, hash) values ('read', 'x', 'x')",
        "insert into audit_log (action, created_at) values ('read', now() - interval '1 day')",
    ],
)
async def test_the_application_can_only_append(three: Kept, statement: str) -> None:
    for scope in (SYSTEM, Scope(ADA, "admin")):
        async with acting(three, scope) as connection:
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.execute(statement)
    assert await three.verified() == Verdict(rows=3, kept=3)


async def test_whoever_acts_writes_of_themselves_and_reads_nothing(three: Kept) -> None:
    for role, seen in (("student", 0), ("teacher", 0), ("service", 0), ("admin", 5)):
        async with acting(three, Scope(ADA, role)) as connection:
            for _ in range(2):
                assert await connection.execute(APPEND, ADA) == "INSERT 0 1"
            assert await connection.fetchval("select count(*) from audit_log") == seen
            assert await connection.fetchval("select current_setting('app.role')") == role
        for somebody in (uuid4(), None):
            async with acting(three, Scope(ADA, role)) as connection:
                with pytest.raises(asyncpg.InsufficientPrivilegeError, match="row-level security"):
                    await connection.execute(APPEND, somebody)
    async with three.postgresql.pool.acquire() as bare:
        assert await bare.fetch("select * from audit_log") == []
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="row-level security"):
            await bare.execute(APPEND, ADA)


@pytest.mark.parametrize(
    "row",
    [
        AuditRow(ADA, "ada@demo.school"),
        AuditRow(ADA, "read", "a name"),
        AuditRow(ADA, "read", request_id="Bearer x"),
        AuditRow(ADA, "read", outcome="fine"),
        AuditRow(ADA, "read", subjects=["User:ada@demo.school"]),
        AuditRow(ADA, "read", subjects=["User:x", "Ada Lovelace"]),
        AuditRow(ADA, "read", fields=["User.name=Ada"]),
        AuditRow(ADA, "read", fields=["User.name,User.email"]),
        AuditRow(ADA, "read", subjects=["User:x\nUser:y"]),
    ],
)
async def test_the_table_takes_ids_and_words_of_the_schema_alone(three: Kept, row: AuditRow) -> None:
    with pytest.raises(asyncpg.CheckViolationError):
        await three.logs[0].write([row])
    assert await three.verified() == Verdict(rows=3, kept=3)


# Many at once, and what fails


async def test_two_processes_make_one_chain(kept: Kept) -> None:
    command = [sys.executable, "-m", "tests.stores.audit_writer", kept.dsn, str(kept.folder)]
    processes = [
        await asyncio.create_subprocess_exec(
            *command, action, "60", cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        for action in ("left", "right")
    ]
    for process in processes:
        assert process.stdout is not None
        assert await process.stdout.readline() == b"ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write(b"go\n")
    log = kept.process()
    for _ in range(20):
        await log.write([AuditRow(ADA, "read")])
    assert [(await process.communicate(), process.returncode) for process in processes] == [((b"", None), 0)] * 2
    rows = await kept.rows()
    assert [row.position for row in rows] == list(range(1, 141))
    assert {action: sum(row.action == action for row in rows) for action in ("left", "right", "read")} == {
        "left": 60,
        "right": 60,
        "read": 20,
    }
    assert await kept.verified() == Verdict(rows=140, kept=140)
    assert len(await kept.heads()) == 3


@asynccontextmanager
async def held(kept: Kept) -> AsyncIterator[Callable[[], Awaitable[object]]]:
    """Somebody holds the log's lock; what is yielded waits until somebody else wants it."""
    async with connected(kept.dsn) as holder:
        await holder.execute("begin")
        await holder.execute("select pg_advisory_xact_lock($1)", LOCK)
        wanted = "select 1 from pg_stat_activity where datname = current_database() and wait_event = 'advisory'"
        yield lambda: eventually(lambda: kept.owner.fetchval(wanted))
        await holder.execute("commit")


async def test_whoever_comes_when_too_many_wait_is_refused_at_once(three: Kept) -> None:
    log = three.logs[0]
    async with held(three) as wanted:
        first = asyncio.create_task(log.write([AuditRow(ADA, "first")]))
        await wanted()
        waiting = [asyncio.create_task(log.write([AuditRow(ADA, "later")])) for _ in range(MOST_WAITING)]
        await asyncio.sleep(0)
        with pytest.raises(StoreUnavailable, match="more waits to be written to the audit log than may"):
            await log.write([AuditRow(ADA, "never")])
    await asyncio.gather(first, *waiting)
    rows = await three.rows()
    assert [row.action for row in rows[3:]] == ["first", *["later"] * MOST_WAITING]
    assert len({row.created_at for row in rows}) == len(rows)
    assert await three.verified() == Verdict(rows=4 + MOST_WAITING, kept=4 + MOST_WAITING)


async def test_nobody_waits_for_ever_and_closing_waits_for_the_rest(three: Kept) -> None:
    log = three.logs[0]
    async with held(three) as wanted:
        started = perf_counter()
        with pytest.raises(StoreTimeout):
            await log.write([AuditRow(ADA, "slow")])
        assert DEADLINE <= perf_counter() - started < DEADLINE + 1
        await wanted()
        closing = asyncio.create_task(log.close())
        await asyncio.sleep(0)
        assert not closing.done()
    await closing
    assert [row.action for row in await three.rows()][3:] == ["slow"]
    assert await three.verified() == Verdict(rows=4, kept=4)


async def test_rows_stand_while_object_storage_is_away_and_the_next_head_speaks_for_them(three: Kept) -> None:
    away = three.folder.with_name("away")
    three.folder.rename(away)
    three.folder.write_text("no folder")
    await three.logs[0].write([AuditRow(ADA, "read")])
    three.folder.unlink()
    away.rename(three.folder)
    assert await three.verified() == Verdict(rows=4, kept=3)
    await three.logs[0].write([AuditRow(ADA, "read")])
    assert await three.verified() == Verdict(rows=5, kept=5)

"""How is the audit log made, and who may do what to it? One chain in PostgreSQL, its head in object storage."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final
from uuid import uuid4

import asyncpg
import pytest

from datadir.audit_check import Verdict
from datadir.postgresql.audit_log import NOTHING_BEFORE, AuditRow, append, hash_of
from datadir.scope import SYSTEM, Scope
from tests.stores.audit_kept import ADA, Kept


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

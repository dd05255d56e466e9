"""Does an operation read what it has just written? A lease that is still open must not answer from before."""

from __future__ import annotations

from typing import Any

from datadir.postgresql.record import Row
from datadir.scope import SYSTEM
from resolvers.accounts.people import viewer
from resolvers.operation import Operation, Viewer
from tests.access.viewers import VIEWERS
from tests.running_school import RunningSchool


class NameRecord(Row):
    """A name."""

    __slots__ = ()
    name: str


async def operation_of(school: RunningSchool) -> Operation:
    async with school.services.stores.postgresql.transaction(SYSTEM) as tx:
        [user] = await tx.fetch("select id, role from users where email = $1", VIEWERS["student"].email)
    return Operation(school.services, Viewer(user["id"], user["role"], "no session"))


async def test_what_was_written_is_read_although_a_lease_of_before_is_open(school: RunningSchool) -> None:
    operation = await operation_of(school)
    before = await viewer(operation)
    assert before is not None
    lease = operation.loaders.lease
    try:
        # Its transaction stays open for a moment; the write takes no longer here.
        async with operation.writing() as tx:
            await tx.execute("update users set name = 'Somebody Else' where id = $1", before.id)
        after = await viewer(operation)
        assert after is not None
        assert after.name == "Somebody Else"
        assert operation.loaders.lease is not lease
    finally:
        async with school.services.stores.postgresql.transaction(SYSTEM) as tx:
            await tx.execute("update users set name = $2 where id = $1", before.id, before.name)


async def test_through_the_lease_of_before_it_would_not_be_there(school: RunningSchool) -> None:
    """The trap itself: a statement that keeps the lease's transaction open sees the world of its beginning."""
    operation = await operation_of(school)
    before = await viewer(operation)
    assert before is not None
    lease = operation.loaders.lease
    sql = "select name from users where id = $1"
    slow = "select name from users, pg_sleep(0.5) where id = $1"
    try:
        import asyncio

        under_way = asyncio.create_task(lease.fetch(NameRecord, slow, before.id))
        seen: Any = asyncio.create_task(lease.fetch(NameRecord, sql, before.id))
        await asyncio.sleep(0.2)
        async with operation.writing() as tx:
            await tx.execute("update users set name = 'Somebody Else' where id = $1", before.id)
        assert [row.name for row in await under_way] == [before.name]
        assert [row.name for row in await seen] == [before.name]
        after = await viewer(operation)
        assert after is not None
        assert after.name == "Somebody Else"
    finally:
        async with school.services.stores.postgresql.transaction(SYSTEM) as tx:
            await tx.execute("update users set name = $2 where id = $1", before.id, before.name)


async def test_a_transaction_that_fails_writes_nothing_and_is_read_from_as_well(school: RunningSchool) -> None:
    operation = await operation_of(school)
    before = await viewer(operation)
    assert before is not None
    try:
        async with operation.writing() as tx:
            await tx.execute("update users set name = 'Somebody Else' where id = $1", before.id)
            raise RuntimeError("a defect")
    except RuntimeError:
        pass
    after = await viewer(operation)
    assert after is not None
    assert after.name == before.name

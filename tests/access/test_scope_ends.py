"""Does a viewer's scope end with its transaction, however that ends? The next on the same connection sees nothing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any, Final
from uuid import uuid4

import asyncpg
import pytest
import pytest_asyncio

from datadir.postgresql.client import Postgres
from datadir.postgresql.lease import Reach
from datadir.postgresql.record import Row
from datadir.scope import ANONYMOUS, Scope
from tests.access.viewers import VIEWERS
from tests.running_school import RunningSchool


class Seen(Row):
    """What a connection's settings say, and how many people they show."""

    __slots__ = ()
    pid: int
    user: str
    role: str
    email: str
    classrooms: str
    people: int


SEEN: Final = """
    select pg_backend_pid() as pid, coalesce(current_setting('app.user_id', true), '') as user,
           coalesce(current_setting('app.role', true), '') as role,
           coalesce(current_setting('app.login_email', true), '') as email,
           coalesce(current_setting('app.classroom_ids', true), '') as classrooms,
           (select count(*)::int from users) as people
"""


@pytest_asyncio.fixture
async def alone(school: RunningSchool) -> AsyncIterator[Postgres]:
    """A pool of one connection: whoever comes next gets what the one before left."""
    given: Any = school.services.stores.postgresql.pool
    [dsn], _ = given._connect_args, given._connect_kwargs
    pg = await Postgres.open(dsn, min_size=1, max_size=1, read_deadline=0.4)
    yield pg
    await pg.close()


async def bare(pg: Postgres) -> tuple[object, ...]:
    """What the next one finds who sets nothing."""
    [row] = await pg.read(SEEN)
    return tuple(row)[1:]


NOTHING: Final = ("", "", "", "", 0)
BROAD: Final = Scope(uuid4(), "admin", login_email="admin@demo.school")


async def test_a_scope_ends_with_its_lease(alone: Postgres) -> None:
    [mine] = await alone.lease(BROAD).fetch(Seen, SEEN)
    assert (mine.role, mine.email, mine.people > 100) == ("admin", "admin@demo.school", True)
    assert await bare(alone) == NOTHING
    [next_one] = await alone.lease(ANONYMOUS).fetch(Seen, SEEN)
    assert (next_one.pid, next_one.user, next_one.email, next_one.people) == (mine.pid, "", "", 0)


async def test_a_scope_ends_with_a_lease_that_failed(alone: Postgres) -> None:
    lease = alone.lease(BROAD)
    with pytest.raises(asyncpg.DivisionByZeroError):
        await lease.fetch(Seen, "select 1 / 0")
    assert await bare(alone) == NOTHING
    with pytest.raises(asyncpg.UndefinedTableError):
        await lease.fetch(Seen, "select * from nowhere")
    [next_one] = await alone.lease(ANONYMOUS).fetch(Seen, SEEN)
    assert (next_one.user, next_one.role, next_one.people) == ("", "anonymous", 0)


async def test_a_scope_ends_with_a_lease_that_was_given_up(alone: Postgres) -> None:
    for turns in range(12):
        asked = asyncio.create_task(alone.lease(BROAD).fetch(Seen, SEEN))
        for _ in range(turns):
            await asyncio.sleep(0)
        asked.cancel()
        await asyncio.gather(asked, return_exceptions=True)
        assert await bare(alone) == NOTHING


async def test_what_a_scope_reaches_ends_with_its_lease_too(alone: Postgres) -> None:
    room = uuid4()
    reach = Reach(
        f"select set_config('app.classroom_ids', '{{{room}}}', true)",
        lambda scope, ids: replace(scope, classroom_ids=ids[0]),
    )
    lease = alone.lease(BROAD, reach)
    for _ in range(2):
        [mine] = await lease.fetch(Seen, SEEN)
        assert (mine.role, mine.people > 100, mine.classrooms) == ("admin", True, f"{{{room}}}")
        assert await bare(alone) == NOTHING


async def test_a_scope_ends_with_a_transaction_however_it_ends(alone: Postgres) -> None:
    read = asyncio.Event()

    async def begun(then: str) -> None:
        async with alone.transaction(BROAD) as tx:
            assert (await tx.fetch("select count(*) from users"))[0][0] > 100
            read.set()
            if then == "fails":
                await tx.fetch("select 1 / 0")
            if then == "raises":
                raise KeyError
            if then == "is given up":
                await tx.fetch("select pg_sleep(60)")

    for then in ("commits", "fails", "raises", "is given up"):
        read.clear()
        task = asyncio.create_task(begun(then))
        if then == "is given up":
            await read.wait()
            task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert await bare(alone) == NOTHING, then


async def test_many_viewers_at_once_never_see_with_each_others_eyes(school: RunningSchool) -> None:
    postgresql = school.services.stores.postgresql
    async with postgresql.transaction(Scope(role="system")) as tx:
        people = await tx.fetch(
            "select u.id, u.role, u.email, array_agg(m.classroom_id) filter (where m.id is not null) as classrooms "
            "from users u left join classroom_members m on m.user_id = u.id where u.email = any($1) group by u.id",
            [viewer.email for viewer in VIEWERS.values()],
        )

    async def look(person: asyncpg.Record) -> tuple[str, int]:
        scope = Scope(person["id"], person["role"], tuple(person["classrooms"] or ()))
        [seen] = await postgresql.lease(scope).fetch(Seen, SEEN)
        return seen.user, seen.people

    one_by_one = [await look(person) for person in people]
    assert len(set(one_by_one)) == len(people) == len(VIEWERS) - 1
    assert await asyncio.gather(*map(look, people * 20)) == one_by_one * 20

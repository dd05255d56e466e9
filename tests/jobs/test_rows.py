"""What is a job's row, who may see it, and who may write to it?"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import asyncpg
import pytest

from datadir.errors import Conflict
from datadir.ledger import kept
from datadir.names import StoreName
from datadir.scope import SYSTEM, Scope
from loaders import jobs as stored
from loaders.jobs import ClaimedJob
from resolvers import jobs
from resolvers.operation import Services
from tests.jobs.working import row_of, written
from tests.stores.eventlog_contract import learner
from tests.stores.postgres_fixture import Database

KINDS = {"work": 3}


async def claim(services: Services, runner: UUID, most: int = 100, lease: float = 60.0) -> list[ClaimedJob]:
    return await stored.claim_jobs(services.stores, runner, KINDS, most=most, lease=lease, held=())


# Writing


async def test_a_job_is_written_whole(services: Services, database: Database) -> None:
    owner = await learner(database)
    job_id = await written(services, owner=owner, text="数学", n=[1, None])
    row = dict(await row_of(database, job_id))
    assert row["run_after"] - row["created_at"] < timedelta(seconds=10)
    times = ("run_after", "created_at", "updated_at", "started_at", "finished_at")
    assert [row.pop(each) for each in times][3:] == [None, None]
    assert row.pop("payload") == '{"n": [1, null], "text": "数学"}'
    assert row == {
        "id": job_id,
        "kind": "work",
        "owner": owner,
        "status": "queued",
        "progress_percent": 0,
        "message": None,
        "attempts": 0,
        "locked_by": None,
        "locked_until": None,
        "error_code": None,
        "result": None,
        "answer": None,
    }


async def test_a_transaction_that_fails_leaves_no_job(services: Services, database: Database) -> None:
    with pytest.raises(ZeroDivisionError):
        await written_and_failed(services)
    assert await database.owner.fetchval("select count(*) from jobs") == 0
    assert await claim(services, uuid4()) == []


async def written_and_failed(services: Services) -> None:
    async with services.stores.postgresql.transaction(SYSTEM) as tx:
        await jobs.insert_job(tx, "work", {})
        raise ZeroDivisionError


async def test_an_id_is_given_once(services: Services) -> None:
    job_id = uuid4()
    async with services.stores.postgresql.transaction(SYSTEM) as tx:
        assert await jobs.insert_job(tx, "work", {}, job_id=job_id) == job_id
    with pytest.raises(Conflict, match=r"^jobs_pkey is taken$"):
        async with services.stores.postgresql.transaction(SYSTEM) as tx:
            await jobs.insert_job(tx, "work", {}, job_id=job_id)


async def test_a_job_costs_one_call_and_its_wake_up_another(services: Services) -> None:
    with kept() as ledger:
        job_id = await written(services)
        await jobs.wake(services.stores, job_id)
    assert {store: entry.calls for store, entry in ledger.stores.items()} == {
        StoreName.POSTGRESQL: 1,
        StoreName.REDIS: 1,
    }


# Taking


async def test_the_oldest_are_taken_first_and_later_ones_when_they_are_due(
    services: Services, database: Database
) -> None:
    now = datetime.now(UTC)
    third, first, second, later = [
        await written(services, run_after=now + timedelta(seconds=seconds)) for seconds in (-1, -3, -2, 3600)
    ]
    runner = uuid4()
    assert [job.id for job in await claim(services, runner, most=2)] == [first, second]
    assert [job.id for job in await claim(services, runner)] == [third]
    assert await claim(services, runner) == []
    await database.owner.execute("update jobs set run_after = now() where id = $1", later)
    assert [job.id for job in await claim(services, runner)] == [later]


async def test_jobs_of_one_transaction_keep_their_order(services: Services) -> None:
    async with services.stores.postgresql.transaction(SYSTEM) as tx:
        ids = [await jobs.insert_job(tx, "work", {"nth": nth}) for nth in range(20)]
    assert [job.id for job in await claim(services, uuid4())] == ids


async def test_a_kind_that_this_program_does_not_know_waits(services: Services) -> None:
    await written(services, "of.a.newer.release")
    assert await claim(services, uuid4()) == []


async def test_no_two_runners_get_the_same_job(services: Services) -> None:
    ids = {await written(services) for _ in range(30)}
    taken = await asyncio.gather(*(claim(services, uuid4(), most=5) for _ in range(12)))
    assert sorted(job.id for each in taken for job in each) == sorted(ids)


async def test_a_taken_job_says_by_whom_and_until_when(services: Services, database: Database) -> None:
    owner, runner = await learner(database), uuid4()
    job_id = await written(services, owner=owner, n=1)
    assert await claim(services, runner, lease=60) == [ClaimedJob(job_id, "work", owner, {"n": 1}, 1)]
    row = await row_of(database, job_id)
    assert (row["status"], row["locked_by"], row["attempts"]) == ("running", runner, 1)
    assert timedelta(seconds=59) < row["locked_until"] - row["started_at"] <= timedelta(seconds=61)


async def test_a_lease_that_is_over_is_anybodys_and_the_one_before_writes_no_more(
    services: Services, database: Database
) -> None:
    slow, quick, stores = uuid4(), uuid4(), services.stores
    job_id = await written(services)
    await claim(services, slow, lease=60)
    assert await claim(services, quick) == []
    await database.owner.execute("update jobs set locked_until = now() - interval '1 second'")
    # Nobody has taken it yet: whoever stood still may go on.
    assert await stored.renew_leases(stores, slow, [job_id], 60) == {job_id}
    await database.owner.execute("update jobs set locked_until = now() - interval '1 second'")
    [again] = await claim(services, quick)
    assert (again.id, again.attempt) == (job_id, 2)
    before = await row_of(database, job_id)
    assert await stored.renew_leases(stores, slow, [job_id], 60) == set()
    assert not await stored.report_progress(stores, slow, job_id, 50, "half")
    assert not await stored.finish_job(stores, slow, job_id, "{}")
    assert not await stored.fail_job(stores, slow, job_id, "X")
    assert not await stored.retry_job(stores, slow, job_id, "X", 1)
    assert not await stored.give_back_job(stores, slow, job_id)
    assert await row_of(database, job_id) == before
    assert await stored.finish_job(stores, quick, job_id, '{"n": 1}')
    row = await row_of(database, job_id)
    assert (row["status"], row["progress_percent"], row["answer"]) == ("done", 100, '{"n": 1}')
    assert (row["locked_by"], row["locked_until"]) == (None, None)
    assert row["finished_at"] >= row["started_at"]


async def test_a_job_whose_every_runner_died_is_given_up(services: Services, database: Database) -> None:
    lost, kept_on = await written(services), await written(services)
    for attempt in range(1, KINDS["work"] + 1):
        taken = await claim(services, uuid4())
        assert [(job.id, job.attempt) for job in taken] == [(lost, attempt), (kept_on, attempt)]
        await database.owner.execute("update jobs set locked_until = now() where id = $1", lost)
        await stored.give_back_job(services.stores, (await row_of(database, kept_on))["locked_by"], kept_on)
        await database.owner.execute("update jobs set attempts = $2 where id = $1", kept_on, attempt)
        await database.owner.execute("update jobs set run_after = now() where id = $1", kept_on)
    taken = await claim(services, uuid4())
    assert [job.id for job in taken] == [kept_on]
    row = await row_of(database, lost)
    assert (row["status"], row["error_code"], row["attempts"]) == ("failed", "ABANDONED", 3)
    assert row["finished_at"] is not None


async def test_what_is_over_is_not_cancelled(services: Services, database: Database) -> None:
    runner, stores = uuid4(), services.stores
    done, waiting = await written(services), await written(services)
    await claim(services, runner, most=1)
    await stored.finish_job(stores, runner, done, None)
    assert [await jobs.cancel_job(stores, each) for each in (done, waiting, waiting, uuid4())] == [
        False,
        True,
        False,
        False,
    ]
    assert [(await row_of(database, each))["status"] for each in (done, waiting)] == ["done", "cancelled"]
    assert await claim(services, runner) == []


# Who may


async def seen(services: Services, scope: Scope) -> set[UUID]:
    async with services.stores.postgresql.transaction(scope) as tx:
        return {row["id"] for row in await tx.fetch("select id from jobs")}


async def test_ones_own_jobs_are_seen_by_oneself_and_by_administrators(services: Services, database: Database) -> None:
    owner, other = await learner(database), await learner(database)
    own, programs = await written(services, owner=owner), await written(services)
    assert await seen(services, Scope(user_id=owner, role="student")) == {own}
    assert await seen(services, Scope(user_id=other, role="teacher")) == set()
    assert await seen(services, Scope()) == set()
    assert await seen(services, Scope(user_id=other, role="admin")) == {own, programs}


async def test_the_program_alone_works_on_jobs(services: Services, database: Database) -> None:
    owner = await learner(database)
    job_id = await written(services, owner=owner)
    before = await row_of(database, job_id)
    for scope in (Scope(user_id=owner, role="student"), Scope(user_id=uuid4(), role="admin"), Scope()):
        async with services.stores.postgresql.transaction(scope) as tx:
            assert await tx.execute("update jobs set status = 'done'") == 0
            assert await tx.execute("delete from jobs") == 0
    with pytest.raises(asyncpg.InsufficientPrivilegeError, match="row-level security"):
        async with services.stores.postgresql.transaction(Scope(user_id=owner, role="student")) as tx:
            await jobs.insert_job(tx, "work", {}, owner=owner)
    assert await row_of(database, job_id) == before


async def test_a_job_outlives_its_owner(services: Services, database: Database) -> None:
    owner = await learner(database)
    job_id = await written(services, owner=owner)
    async with services.stores.postgresql.transaction(SYSTEM) as tx:
        assert await tx.execute("delete from users where id = $1", owner) == 1
    assert (await row_of(database, job_id))["owner"] is None

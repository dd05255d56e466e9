"""Does each job run, once at a time, in order, again where it failed, and no further where nobody wants it?"""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from datadir.errors import StoreUnavailable
from datadir.names import StoreName
from resolvers import jobs
from resolvers.errors import BadUserInput
from resolvers.jobs import RunningJob
from resolvers.operation import Services
from tests.jobs.working import LONG, PATIENCE, enqueue, kind, over, row_of, running, when, written
from tests.stores.postgres_fixture import Database

# Running


async def test_a_job_runs_and_its_row_says_how_far_it_is(services: Services, database: Database) -> None:
    halfway, go_on = asyncio.Event(), asyncio.Event()

    async def work(job: RunningJob) -> dict[str, Any]:
        assert (job.kind, job.payload, job.attempt, job.owner) == ("work", {"n": 6}, 1, None)
        await job.report(50, "half of it")
        halfway.set()
        await go_on.wait()
        return {"product": job.payload["n"] * 7}

    async with running(services, work):
        job_id = await enqueue(services, n=6)
        await halfway.wait()
        row = await row_of(database, job_id)
        assert (row["status"], row["progress_percent"], row["message"]) == ("running", 50, "half of it")
        go_on.set()
        row = await over(database, job_id)
    assert (row["status"], row["progress_percent"], row["answer"]) == ("done", 100, '{"product": 42}')
    assert (row["error_code"], row["attempts"], row["locked_by"], row["locked_until"]) == (None, 1, None, None)
    assert row["created_at"] <= row["started_at"] <= row["finished_at"]


async def test_jobs_run_in_the_order_in_which_they_became_due(services: Services, database: Database) -> None:
    now, order = datetime.now(UTC), list[UUID]()
    ids = [await written(services, run_after=now + timedelta(seconds=seconds)) for seconds in (-1, -3, -2, -4)]

    async def work(job: RunningJob) -> None:
        order.append(job.id)

    async with running(services, work, most=1):
        for each in ids:
            await over(database, each)
    assert order == [ids[3], ids[1], ids[2], ids[0]]


async def test_no_more_run_at_once_than_may(services: Services, database: Database) -> None:
    ids = [await written(services) for _ in range(12)]
    under_way, most_seen, full, go_on = 0, 0, asyncio.Event(), asyncio.Event()

    async def work(job: RunningJob) -> None:
        nonlocal under_way, most_seen
        under_way += 1
        most_seen = max(most_seen, under_way)
        if under_way == 3:
            full.set()
        await go_on.wait()
        under_way -= 1

    async with running(services, work, most=3):
        await full.wait()
        counted = "select count(*) from jobs where status = 'running'"
        assert await database.owner.fetchval(counted) == 3
        go_on.set()
        for each in ids:
            assert (await over(database, each))["status"] == "done"
    assert most_seen == 3


async def test_two_runners_never_run_one_job_twice_at_a_time(services: Services, database: Database) -> None:
    running_now: Counter[UUID] = Counter()
    runs: Counter[UUID] = Counter()
    by_runner: Counter[str] = Counter()

    def worker(name: str) -> Any:
        async def work(job: RunningJob) -> None:
            running_now[job.id] += 1
            assert running_now[job.id] == 1
            runs[job.id] += 1
            by_runner[name] += 1
            await job.report(50)
            running_now[job.id] -= 1

        return work

    # A lease this short is renewed while jobs run.
    async with running(services, worker("one"), lease=1.0), running(services, worker("two"), lease=1.0):
        ids = [await enqueue(services) for _ in range(60)]
        for each in ids:
            row = await over(database, each)
            assert (row["status"], row["attempts"]) == ("done", 1)
    assert runs == Counter(ids)
    assert all(by_runner[name] for name in ("one", "two")), by_runner


async def test_a_long_job_keeps_its_lease(services: Services, database: Database) -> None:
    begun, go_on = list[int](), asyncio.Event()

    async def work(job: RunningJob) -> None:
        begun.append(job.attempt)
        await go_on.wait()

    async with running(services, work, lease=0.5), running(services, work, lease=0.5):
        job_id = await enqueue(services)
        await when(database, job_id, "locked_until > started_at + interval '2 seconds'")
        go_on.set()
        assert (await over(database, job_id))["status"] == "done"
    assert begun == [1]


# Failing


async def test_a_job_that_fails_is_tried_again_until_it_does_not(services: Services, database: Database) -> None:
    seen = list[tuple[UUID, int]]()

    async def work(job: RunningJob) -> None:
        seen.append((job.id, job.attempt))
        if job.attempt < 3:
            raise StoreUnavailable(StoreName.MINIO)

    async with running(services, work):
        job_id = await enqueue(services)
        row = await over(database, job_id)
    assert seen == [(job_id, 1), (job_id, 2), (job_id, 3)]
    assert (row["status"], row["attempts"], row["error_code"]) == ("done", 3, None)


@pytest.mark.parametrize(
    ("failure", "code", "logged"),
    [
        (StoreUnavailable(StoreName.MINIO), "STORE_UNAVAILABLE", False),
        (ZeroDivisionError("of ours"), "INTERNAL_SERVER_ERROR", True),
        (asyncio.CancelledError(), "INTERNAL_SERVER_ERROR", True),
    ],
)
async def test_a_job_that_always_fails_says_why_in_the_end(
    services: Services,
    database: Database,
    caplog: pytest.LogCaptureFixture,
    failure: BaseException,
    code: str,
    logged: bool,
) -> None:
    async def work(job: RunningJob) -> None:
        raise failure

    async with running(services, {"work": kind(work, attempts=3)}):
        row = await over(database, await enqueue(services))
    assert (row["status"], row["error_code"], row["attempts"]) == ("failed", code, 3)
    assert (row["locked_by"], row["locked_until"], row["answer"]) == (None, None, None)
    assert row["finished_at"] is not None
    assert len([each for each in caplog.records if each.levelname == "ERROR"]) == (3 if logged else 0)


async def test_a_refusal_is_an_answer_and_not_tried_again(services: Services, database: Database) -> None:
    async def work(job: RunningJob) -> None:
        raise BadUserInput("This is no document.")

    async with running(services, work):
        row = await over(database, await enqueue(services))
    assert (row["status"], row["error_code"], row["attempts"]) == ("failed", "BAD_USER_INPUT", 1)


async def test_a_result_that_is_no_json_fails_the_job(services: Services, database: Database) -> None:
    async def work(job: RunningJob) -> dict[str, Any]:
        return {"what": object()}

    async with running(services, {"work": kind(work, attempts=1)}):
        row = await over(database, await enqueue(services))
    assert (row["status"], row["error_code"]) == ("failed", "INTERNAL_SERVER_ERROR")


async def test_the_pause_grows_and_is_never_twice_the_same(services: Services, database: Database) -> None:
    async def work(job: RunningJob) -> None:
        raise StoreUnavailable(StoreName.MINIO)

    async with running(services, work, pause=LONG):
        ids = [await enqueue(services) for _ in range(8)]
        for attempt in (1, 2, 3):
            pauses = set()
            for each in ids:
                row = await when(database, each, f"status = 'queued' and attempts = {attempt}")
                assert row["error_code"] == "STORE_UNAVAILABLE"
                pauses.add((row["run_after"] - row["updated_at"]).total_seconds())
            about = LONG * 2 ** (attempt - 1)
            assert all(0.5 * about - 1 < pause < 1.5 * about + 1 for pause in pauses)
            assert len(pauses) == 8
            await database.owner.execute("update jobs set run_after = now()")


# Stopping


async def test_a_job_that_waits_can_be_cancelled(services: Services, database: Database) -> None:
    job_id = await written(services)
    assert await jobs.cancel_job(services.stores, job_id)
    ran = list[UUID]()

    async def work(job: RunningJob) -> None:
        ran.append(job.id)

    async with running(services, work):
        await over(database, await enqueue(services))
    row = await row_of(database, job_id)
    assert (row["status"], row["attempts"], row["locked_by"]) == ("cancelled", 0, None)
    assert row["finished_at"] is not None
    assert job_id not in ran


async def test_a_job_that_runs_is_stopped_when_it_is_cancelled(services: Services, database: Database) -> None:
    begun, stopped = asyncio.Event(), asyncio.Event()

    async def work(job: RunningJob) -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            stopped.set()

    async with running(services, work, lease=1.0):
        job_id = await enqueue(services)
        await begun.wait()
        assert await jobs.cancel_job(services.stores, job_id)
        await asyncio.wait_for(stopped.wait(), PATIENCE)
    assert (await row_of(database, job_id))["status"] == "cancelled"


async def test_a_cancelled_job_ends_where_it_says_how_far_it_is(services: Services, database: Database) -> None:
    begun, go_on, stopped = asyncio.Event(), asyncio.Event(), asyncio.Event()
    went_on = False

    async def work(job: RunningJob) -> None:
        nonlocal went_on
        begun.set()
        await go_on.wait()
        try:
            await job.report(10)
        except asyncio.CancelledError:
            stopped.set()
            raise
        went_on = True

    async with running(services, work, lease=LONG):
        job_id = await enqueue(services)
        await begun.wait()
        await jobs.cancel_job(services.stores, job_id)
        go_on.set()
        await asyncio.wait_for(stopped.wait(), PATIENCE)
    row = await row_of(database, job_id)
    assert (row["status"], row["progress_percent"], went_on) == ("cancelled", 0, False)


async def test_a_runner_that_ends_gives_back_what_it_has_in_hand(services: Services, database: Database) -> None:
    begun = asyncio.Event()

    async def never_done(job: RunningJob) -> None:
        begun.set()
        await asyncio.Event().wait()

    async with running(services, never_done):
        job_id = await enqueue(services)
        await begun.wait()
    row = await row_of(database, job_id)
    assert (row["status"], row["attempts"], row["locked_by"]) == ("queued", 0, None)

    async def work(job: RunningJob) -> None:
        assert job.attempt == 1

    async with running(services, work):
        assert (await over(database, job_id))["status"] == "done"


async def test_a_runner_that_is_cancelled_gives_back_too(services: Services, database: Database) -> None:
    begun = asyncio.Event()

    async def never_done(job: RunningJob) -> None:
        begun.set()
        await asyncio.Event().wait()

    runner = jobs.Runner(services, {"work": kind(never_done)}, poll=0.05)
    task = asyncio.create_task(runner.run_until(asyncio.Event()))
    job_id = await enqueue(services)
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (await row_of(database, job_id))["status"] == "queued"


async def test_a_runner_without_kinds_asks_for_nothing(services: Services, database: Database) -> None:
    job_id = await enqueue(services)
    async with running(services, {}):
        await asyncio.sleep(0)
    assert (await row_of(database, job_id))["status"] == "queued"
    assert await services.stores.redis.next_of("queue:background_tasks", within=0.1) == str(job_id)

"""What becomes of jobs when a process dies, when Redis is gone, when PostgreSQL is?"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from time import monotonic
from uuid import UUID

import pytest

from datadir.data_folder import DataFolder
from datadir.postgresql.client import Postgres
from datadir.redis import keys
from datadir.redis.client import Redis
from resolvers import jobs
from resolvers.jobs import RunningJob
from resolvers.operation import Services
from tests.jobs.working import LONG, PATIENCE, enqueue, kind, over, row_of, running, services_on, when, written
from tests.stores.postgres_fixture import Database
from tests.stores.relay import Relay, relay_to, through

QUIET = 1.0
"""Seconds within which a wake-up wakes."""


async def nothing(job: RunningJob) -> None:
    """Be done at once."""


# Processes


@asynccontextmanager
async def holder(database: Database, redis_url: str, lease: float) -> AsyncIterator[asyncio.subprocess.Process]:
    """A process of its own that takes jobs and never finishes one; killed at the latest at the end."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.jobs.holder", database.dsn, redis_url, str(lease),
        stdout=asyncio.subprocess.PIPE, cwd=Path(__file__).parents[3],
    )  # fmt: skip
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def taken(process: asyncio.subprocess.Process) -> tuple[UUID, int]:
    """The job that the process has taken, and the attempt."""
    assert process.stdout is not None
    line = (await asyncio.wait_for(process.stdout.readline(), PATIENCE)).decode().split()
    return UUID(line[0]), int(line[1])


async def test_a_job_of_a_process_that_was_killed_is_taken_by_another(
    services: Services, database: Database, redis_url: str
) -> None:
    attempts = list[tuple[UUID, int]]()

    async def work(job: RunningJob) -> None:
        attempts.append((job.id, job.attempt))

    async with holder(database, redis_url, lease=1.5) as process:
        job_id = await enqueue(services)
        assert await taken(process) == (job_id, 1)
        async with running(services, work):
            await when(database, job_id, "locked_until > started_at + interval '2 seconds'")  # it lives, and keeps it
            assert attempts == []
            process.kill()
            assert await process.wait() == -9
            row = await over(database, job_id)
    assert attempts == [(job_id, 2)]
    assert (row["status"], row["attempts"]) == ("done", 2)


async def test_a_job_that_kills_its_processes_is_given_up(
    services: Services, database: Database, redis_url: str
) -> None:
    job_id = await enqueue(services)
    async with holder(database, redis_url, lease=0.5) as process:
        assert await taken(process) == (job_id, 1)
        process.kill()
    async with running(services, {"work": kind(nothing, attempts=1)}):
        row = await over(database, job_id)
    assert (row["status"], row["error_code"], row["attempts"]) == ("failed", "ABANDONED", 1)


# Redis


async def test_a_job_wakes_a_runner_that_sleeps(services: Services, database: Database) -> None:
    async with running(services, nothing, poll=LONG):
        await over(database, await enqueue(services))  # it has looked, and sleeps again
        for _ in range(5):
            asked_at = monotonic()
            await over(database, await enqueue(services))
            assert monotonic() - asked_at < QUIET


async def test_a_wake_up_that_was_lost_costs_a_poll(services: Services, database: Database) -> None:
    async with running(services, nothing, poll=0.3):
        await over(database, await enqueue(services))
        assert (await over(database, await written(services)))["status"] == "done"


async def test_a_wake_up_too_many_costs_nothing(services: Services, database: Database) -> None:
    runs = list[UUID]()

    async def work(job: RunningJob) -> None:
        runs.append(job.id)

    async with running(services, work, poll=LONG):
        job_id = await enqueue(services)
        for _ in range(10):
            await jobs.wake(services.stores, job_id)
        await over(database, job_id)
        async with asyncio.timeout(PATIENCE):
            while (await services.stores.redis.send([("LLEN", keys.BACKGROUND_TASKS)])) != [0]:
                await asyncio.sleep(0.01)  # until it was woken by every one of them
        await over(database, await enqueue(services))
    assert runs.count(job_id) == 1


async def test_wake_ups_that_nobody_hears_are_bounded_and_end(services: Services) -> None:
    redis = services.stores.redis
    name = keys.BACKGROUND_TASKS
    await redis.send([("RPUSH", name, *range(keys.QUEUE_LENGTH + 10))])
    await jobs.wake(services.stores, UUID(int=7))
    [length, oldest, newest, ttl] = await redis.send(
        [("LLEN", name), ("LINDEX", name, 0), ("LINDEX", name, -1), ("TTL", name)]
    )
    assert (length, oldest, newest) == (keys.QUEUE_LENGTH, "11", str(UUID(int=7)))
    assert keys.QUEUE_TTL - 10 < ttl <= keys.QUEUE_TTL


@asynccontextmanager
async def behind_a_relay(services: Services, redis_url: str) -> AsyncIterator[tuple[Services, Relay]]:
    """The same services, with something between them and Redis that can fail."""
    async with relay_to(redis_url).listening() as relay:
        redis = await Redis.open(through(redis_url, relay))
        try:
            yield services_on(services.stores.postgresql, redis), relay
        finally:
            await redis.close()


@pytest.mark.parametrize("fault", ["refuse", "hush"])
async def test_without_redis_jobs_run_a_poll_later(
    services: Services, database: Database, redis_url: str, fault: str
) -> None:
    async with behind_a_relay(services, redis_url) as (cut, relay), running(cut, nothing, poll=0.3):
        await over(database, await enqueue(cut))
        if fault == "refuse":
            await relay.refuse()
        else:
            relay.hush()
        for _ in range(3):
            assert (await over(database, await enqueue(cut)))["status"] == "done"


@pytest.mark.parametrize("fault", ["refuse", "hush"])
async def test_a_runner_is_woken_again_when_redis_is_back(
    services: Services, database: Database, redis_url: str, fault: str
) -> None:
    # A poll that is longer than a wake-up takes, and short enough to be waited for.
    async with behind_a_relay(services, redis_url) as (cut, relay), running(cut, nothing, poll=2.0):
        await over(database, await enqueue(cut))
        if fault == "refuse":
            await relay.refuse()
        else:
            relay.hush()
        await over(database, await enqueue(cut))
        await relay.heal()
        await over(database, await enqueue(services))  # at the latest now it listens again
        waits = []
        for _ in range(3):
            asked_at = monotonic()
            await over(database, await enqueue(services))
            waits.append(monotonic() - asked_at)
        assert max(waits) < QUIET, waits


# PostgreSQL


@asynccontextmanager
async def with_a_frail_database(
    services: Services, database: Database, held_folder: DataFolder
) -> AsyncIterator[tuple[Services, Relay]]:
    """The same services, with something between them and PostgreSQL that can fail."""
    socket = held_folder.run_dir / "postgresql" / ".s.PGSQL.5432"
    async with Relay(lambda: asyncio.open_unix_connection(str(socket))).listening() as relay:
        name = database.dsn.rpartition("/")[0].removeprefix("postgresql://studygraph@/").partition("?")[0]
        pg = await Postgres.open(f"postgresql://studygraph@127.0.0.1:{relay.port}/{name}?sslmode=disable", min_size=1)
        try:
            yield services_on(pg, services.stores.redis), relay
        finally:
            await relay.heal()
            await pg.close()


async def test_who_cannot_renew_stops_before_another_begins(
    services: Services, database: Database, held_folder: DataFolder
) -> None:
    order, begun = list[str](), asyncio.Event()

    async def held_by_one(job: RunningJob) -> None:
        order.append("one begins")
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            order.append("one ends")

    async def taken_by_two(job: RunningJob) -> None:
        order.append(f"two begins, attempt {job.attempt}")

    async with (
        with_a_frail_database(services, database, held_folder) as (frail, relay),
        running(frail, held_by_one, lease=2.0),
    ):
        job_id = await enqueue(services)
        await begun.wait()
        relay.hush()
        async with running(services, taken_by_two, lease=2.0):
            row = await over(database, job_id)
        await relay.heal()
    assert order == ["one begins", "one ends", "two begins, attempt 2"]
    assert (row["status"], row["attempts"]) == ("done", 2)


async def test_the_end_of_a_job_is_written_when_the_database_is_back(
    services: Services, database: Database, held_folder: DataFolder, caplog: pytest.LogCaptureFixture
) -> None:
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def work(job: RunningJob) -> dict[str, int]:
        begun.set()
        await go_on.wait()
        return {"attempt": job.attempt}

    async with (
        with_a_frail_database(services, database, held_folder) as (frail, relay),
        running(frail, work, lease=10.0),
    ):
        job_id = await enqueue(services)
        await begun.wait()
        await relay.refuse()
        go_on.set()
        async with asyncio.timeout(PATIENCE):
            while not any("waits to be written" in each for each in caplog.messages):
                await asyncio.sleep(0.01)
        assert (await row_of(database, job_id))["status"] == "running"
        await relay.heal()
        row = await over(database, job_id)
    assert (row["status"], row["attempts"], row["answer"]) == ("done", 1, '{"attempt": 1}')


async def test_a_lease_that_was_renewed_outlasts_a_short_absence_of_the_database(
    services: Services, database: Database, held_folder: DataFolder, caplog: pytest.LogCaptureFixture
) -> None:
    attempts, go_on = list[int](), asyncio.Event()

    async def work(job: RunningJob) -> None:
        attempts.append(job.attempt)
        await go_on.wait()

    async with (
        with_a_frail_database(services, database, held_folder) as (frail, relay),
        running(frail, work, lease=3.0),
    ):
        job_id = await enqueue(services)
        await when(database, job_id, "locked_until > started_at + interval '5 seconds'")
        await relay.refuse()
        async with asyncio.timeout(PATIENCE):
            while not any("cannot be renewed" in each for each in caplog.messages):
                await asyncio.sleep(0.01)
        await relay.heal()
        await when(database, job_id, "locked_until > started_at + interval '7 seconds'")
        go_on.set()
        row = await over(database, job_id)
    assert (row["status"], attempts) == ("done", [1])


async def test_a_runner_outlives_a_database_that_is_away(
    services: Services, database: Database, held_folder: DataFolder
) -> None:
    async with with_a_frail_database(services, database, held_folder) as (frail, relay), running(frail, nothing):
        await over(database, await enqueue(services))
        await relay.refuse()
        job_id = await enqueue(services)
        await relay.heal()
        assert (await over(database, job_id))["status"] == "done"

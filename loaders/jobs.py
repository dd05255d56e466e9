"""What is read and written of background jobs? Each job is a row; Redis only wakes whoever works on them.

Every statement here is the program's own. A job that somebody else holds, or that was cancelled, is never written to:
such a write answers that it was not done.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from contextlib import suppress
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from uuid import UUID, uuid4

import orjson

from datadir.errors import StoreError
from datadir.redis import keys
from datadir.scope import SYSTEM

if TYPE_CHECKING:
    from datadir.postgresql.client import Transaction
    from datadir.stores import Stores

LONGEST_MESSAGE: Final = 500

_INSERT: Final = """
insert into jobs (id, kind, owner, payload, run_after)
values ($1, $2, $3, $4::jsonb, coalesce($5, clock_timestamp()))
"""
_WITHOUT_A_RUNNER: Final = """
j.status = 'queued' and j.run_after <= clock_timestamp() or j.status = 'running' and j.locked_until < clock_timestamp()
"""
# What was held by somebody who died, and has been begun often enough, is given up; of the rest the oldest are taken.
_CLAIM: Final = f"""
with kinds as (
    select * from unnest($1::text[], $2::int[]) as k (kind, attempts)
), given_up as (
    update jobs j set status = 'failed', error_code = 'ABANDONED', locked_by = null, locked_until = null,
        finished_at = clock_timestamp(), updated_at = clock_timestamp()
    where j.id in (
        select j.id from jobs j join kinds using (kind)
        where j.status = 'running' and j.locked_until < clock_timestamp() and j.attempts >= kinds.attempts
            and j.id <> all($6::uuid[])
        for update of j skip locked
    )
), due as (
    select j.id from jobs j join kinds using (kind)
    where ({_WITHOUT_A_RUNNER}) and (j.status = 'queued' or j.attempts < kinds.attempts) and j.id <> all($6::uuid[])
    order by j.run_after, j.id limit $3 for update of j skip locked
)
update jobs j set status = 'running', attempts = j.attempts + 1, locked_by = $4,
    locked_until = clock_timestamp() + make_interval(secs => $5),
    started_at = coalesce(j.started_at, clock_timestamp()), updated_at = clock_timestamp()
from due where j.id = due.id
returning j.id, j.kind, j.owner, j.payload::text as payload, j.attempts, j.run_after
"""
_MINE: Final = "id = any($1::uuid[]) and locked_by = $2 and status = 'running'"
_NOBODYS: Final = "locked_by = null, locked_until = null, updated_at = clock_timestamp()"


class ClaimedJob(NamedTuple):
    """A job that this runner holds: `attempt` 1 is the first."""

    id: UUID
    kind: str
    owner: UUID | None
    payload: dict[str, Any]
    attempt: int


async def insert_job(
    tx: Transaction,
    kind: str,
    payload: Mapping[str, Any],
    *,
    owner: UUID | None = None,
    run_after: datetime | None = None,
    job_id: UUID | None = None,
) -> UUID:
    """Write a job into the caller's transaction, the program's or an administrator's: it runs when that commits (or at
    `run_after`) and never otherwise. Its id; Conflict at the end of the transaction's use where `job_id` is taken. One
    store call. Say `wake` afterwards."""
    identity = job_id or uuid4()
    await tx.execute(_INSERT, identity, kind, owner, orjson.dumps(dict(payload)).decode(), run_after)
    return identity


async def wake(stores: Stores, job_id: UUID) -> None:
    """Wake one of those who wait for jobs. Where that fails the job is found a little later. One store call."""
    with suppress(StoreError):
        await stores.redis.send(
            [
                ("RPUSH", keys.BACKGROUND_TASKS, str(job_id)),
                ("LTRIM", keys.BACKGROUND_TASKS, -keys.QUEUE_LENGTH, -1),
                ("EXPIRE", keys.BACKGROUND_TASKS, keys.QUEUE_TTL),
            ]
        )


async def woken(stores: Stores, within: float) -> None:
    """Wait for `wake`, up to so many seconds. Raises StoreError where Redis does not answer."""
    await stores.redis.next_of(keys.BACKGROUND_TASKS, within=within)


async def is_waiting(stores: Stores, kind: str) -> bool:
    """Whether a job of this kind waits or runs."""
    async with stores.postgresql.transaction(SYSTEM) as tx:
        rows = await tx.fetch(
            "select exists (select from jobs where kind = $1 and status in ('queued', 'running'))", kind
        )
    return bool(rows[0][0])


async def claim_jobs(
    stores: Stores, runner: UUID, attempts: Mapping[str, int], *, most: int, lease: float, held: Collection[UUID]
) -> list[ClaimedJob]:
    """Take up to `most` jobs that are due or whose runner has died, oldest first, for `lease` seconds. Only kinds of
    `attempts`, which says how often each may be begun; none of `held`. No two runners get the same. One store call."""
    async with stores.postgresql.transaction(SYSTEM) as tx:
        rows = await tx.fetch(_CLAIM, list(attempts), list(attempts.values()), most, runner, lease, list(held))
    rows.sort(key=lambda row: (row["run_after"], row["id"]))
    return [ClaimedJob(row[0], row[1], row[2], orjson.loads(row[3]), row[4]) for row in rows]


async def renew_leases(stores: Stores, runner: UUID, ids: Collection[UUID], lease: float) -> set[UUID]:
    """Hold these jobs for `lease` seconds from now; those that are still ours. One store call."""
    async with stores.postgresql.transaction(SYSTEM) as tx:
        rows = await tx.fetch(
            f"update jobs set locked_until = clock_timestamp() + make_interval(secs => $3) where {_MINE} returning id",
            list(ids),
            runner,
            lease,
        )
    return {row["id"] for row in rows}


async def report_progress(stores: Stores, runner: UUID, job_id: UUID, percent: int, message: str | None) -> bool:
    """Say how far a job is."""
    return await _write(
        stores,
        "progress_percent = $3, message = coalesce($4, message), updated_at = clock_timestamp()",
        job_id,
        runner,
        percent,
        None if message is None else message[:LONGEST_MESSAGE],
    )


def as_json(result: Mapping[str, Any] | None) -> str | None:
    """A job's result as its row holds it. TypeError for what JSON has no words for."""
    return None if result is None else orjson.dumps(dict(result)).decode()


async def finish_job(stores: Stores, runner: UUID, job_id: UUID, result: str | None) -> bool:
    """It is done; `result` as `as_json` makes it."""
    return await _write(
        stores,
        "status = 'done', progress_percent = 100, error_code = null, result = $3::jsonb, "
        f"finished_at = clock_timestamp(), {_NOBODYS}",
        job_id,
        runner,
        result,
    )


async def fail_job(stores: Stores, runner: UUID, job_id: UUID, code: str) -> bool:
    """It failed, and is not tried again."""
    return await _write(
        stores,
        f"status = 'failed', error_code = $3, finished_at = clock_timestamp(), {_NOBODYS}",
        job_id,
        runner,
        code,
    )


async def retry_job(stores: Stores, runner: UUID, job_id: UUID, code: str, pause: float) -> bool:
    """It failed, and is tried again after so many seconds."""
    return await _write(
        stores,
        "status = 'queued', error_code = $3, run_after = clock_timestamp() + make_interval(secs => $4), " + _NOBODYS,
        job_id,
        runner,
        code,
        pause,
    )


async def give_back_job(stores: Stores, runner: UUID, job_id: UUID) -> bool:
    """This runner ends; the run does not count."""
    return await _write(stores, f"status = 'queued', attempts = attempts - 1, {_NOBODYS}", job_id, runner)


async def cancel_job(stores: Stores, job_id: UUID) -> bool:
    """Let a job that waits or runs not be done; False where it is over already. A run that is under way is stopped
    within seconds."""
    async with stores.postgresql.transaction(SYSTEM) as tx:
        changed = await tx.execute(
            f"update jobs set status = 'cancelled', finished_at = clock_timestamp(), {_NOBODYS} "
            "where id = $1 and status in ('queued', 'running')",
            job_id,
        )
    return changed == 1


async def _write(stores: Stores, change: str, job_id: UUID, runner: UUID, *args: Any) -> bool:
    async with stores.postgresql.transaction(SYSTEM) as tx:
        return await tx.execute(f"update jobs set {change} where {_MINE}", [job_id], runner, *args) == 1

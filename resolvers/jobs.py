"""Who does what need not be done at once? A job is a row, written with what it is about; every process has a runner.

A runner takes jobs that are due, the oldest first and a few at a time, and holds each by a lease that it renews. If the
process dies the lease ends, and another takes the job: each runs at least once, and may run again, so a handler asks
the job's id whether it has been here before. What a handler raises decides: a `Refusal` is the answer, anything else is
tried again after a growing pause, as often as its kind allows.

    async with stores.postgresql.transaction(SYSTEM) as tx:
        ...                                   # the rows that the job is about
        job_id = await jobs.insert_job(tx, "library.ingest", {"document_id": str(document_id)}, owner=viewer.user_id)
    await jobs.wake(stores, job_id)
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Mapping
from time import monotonic
from typing import Any, Final, NamedTuple
from uuid import UUID, uuid4

from datadir.errors import StoreError
from loaders import jobs as stored
from loaders.jobs import ClaimedJob, cancel_job, insert_job, wake
from resolvers.errors import Refusal, code_of
from resolvers.operation import Services

__all__ = ["Kind", "Runner", "RunningJob", "cancel_job", "insert_job", "wake"]

log = logging.getLogger(__name__)

AT_ONCE: Final = 4
"""Jobs that one process runs at a time."""
LEASE: Final = 15.0
"""Seconds after which a job of a dead process is taken by another."""
POLL: Final = 2.0
"""Seconds after which a runner that nobody woke looks by itself."""
PAUSE: Final = 2.0
"""Seconds before a job that failed once is tried again, about; twice as many each time."""
LONGEST_PAUSE: Final = 300.0
DEFECT: Final = "INTERNAL_SERVER_ERROR"


class Kind(NamedTuple):
    """One kind of jobs: what runs it, and how often one may be begun. The handler answers the job's result, an object,
    or None."""

    run: Callable[[Services, RunningJob], Awaitable[Mapping[str, Any] | None]]
    attempts: int = 5


class RunningJob:
    """A job as its handler sees it. `id` is the same in each attempt."""

    def __init__(self, claimed: ClaimedJob, runner: Runner) -> None:
        self.id: UUID = claimed.id
        self.kind: str = claimed.kind
        self.owner: UUID | None = claimed.owner
        self.payload: Mapping[str, Any] = claimed.payload
        self.attempt: int = claimed.attempt
        self._runner = runner

    async def report(self, percent: int, message: str | None = None) -> None:
        """Say how far it is, 0 to 100, and perhaps in words (500 characters). Ends the handler where the job was
        cancelled."""
        await self._runner.report(self.id, percent, message)


class _Held:
    """A job in hand: the task that runs it, and until when the lease holds for certain (`monotonic()`)."""

    __slots__ = ("task", "until")

    def __init__(self, task: asyncio.Task[None], until: float) -> None:
        self.task = task
        self.until = until


class Runner:
    """Works on jobs of the kinds it is given, `most` at once. `lease`, `poll` and `pause` in seconds."""

    def __init__(
        self,
        services: Services,
        kinds: Mapping[str, Kind],
        *,
        most: int = AT_ONCE,
        lease: float = LEASE,
        poll: float = POLL,
        pause: float = PAUSE,
    ) -> None:
        self._services = services
        self._stores = services.stores
        self._kinds = kinds
        self._attempts = {name: kind.attempts for name, kind in kinds.items()}
        self._most = most
        self._lease = lease
        self._poll = poll
        self._pause = pause
        self._id = uuid4()
        self._held: dict[UUID, _Held] = {}
        self._leaving: set[UUID] = set()
        self._freed = asyncio.Event()
        self._ending = False

    async def run_until(self, stop: asyncio.Event) -> None:
        """Work until `stop` is set or the task is cancelled, through any failure of a store; what is in hand then is
        given back."""
        if not self._kinds:
            await stop.wait()
            return
        renewing = asyncio.create_task(self._renew())
        try:
            while not stop.is_set():
                more = await self._take()
                await self._rest(stop, more)
        finally:
            self._ending = True
            for held in self._held.values():
                held.task.cancel()
            await asyncio.gather(*(held.task for held in self._held.values()), return_exceptions=True)
            renewing.cancel()
            await asyncio.gather(renewing, return_exceptions=True)

    async def report(self, job_id: UUID, percent: int, message: str | None) -> None:
        """Write how far a job is; one that is not ours any more is let go of."""
        try:
            ours = await stored.report_progress(self._stores, self._id, job_id, percent, message)
        except StoreError as error:  # how far it is matters less than the job
            log.warning("how far job %s is cannot be written: %s", job_id, error)
            return
        if not ours:
            self._let_go(job_id)
            await asyncio.sleep(0)  # whoever reports is the task that was just cancelled

    async def _take(self) -> bool:
        """Take what is due, as far as there is room; whether there may be more."""
        room = self._most - len(self._held) - len(self._leaving)
        if room <= 0:
            return True
        asked_at = monotonic()
        try:
            claimed = await stored.claim_jobs(
                self._stores,
                self._id,
                self._attempts,
                most=room,
                lease=self._lease,
                held=self._held.keys() | self._leaving,
            )
        except StoreError as error:
            log.warning("jobs wait: %s", error)
            return False
        for job in claimed:
            task = asyncio.create_task(self._work(job), name=f"job {job.kind}")
            self._held[job.id] = _Held(task, asked_at + self._lease)
        return len(claimed) == room

    async def _rest(self, stop: asyncio.Event, more: bool) -> None:
        """Wait until there may be something to do: room where there was none, a wake-up, or a look on suspicion."""
        self._freed.clear()
        full = len(self._held) + len(self._leaving) >= self._most
        if more and not full:
            return
        waits = [asyncio.create_task(stop.wait()), asyncio.create_task(self._freed.wait() if full else self._woken())]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
            await asyncio.gather(*waits, return_exceptions=True)

    async def _woken(self) -> bool:
        looks_at = monotonic() + self._poll
        try:
            await stored.woken(self._stores, self._poll)
        except StoreError:
            await asyncio.sleep(max(0.0, looks_at - monotonic()))
        return True

    async def _renew(self) -> None:
        """Keep the leases of all jobs in hand; let go of those that are not ours any more, or may soon not be."""
        tick = self._lease / 5
        while True:
            await asyncio.sleep(tick)
            asked_at, ids = monotonic(), list(self._held)
            if not ids:
                continue
            try:
                async with asyncio.timeout(tick):
                    ours = await stored.renew_leases(self._stores, self._id, ids, self._lease)
            except (StoreError, TimeoutError) as error:
                log.warning("leases of jobs cannot be renewed: %s", error)
                for job_id, held in list(self._held.items()):
                    if held.until - monotonic() < 2 * tick:
                        self._let_go(job_id)
                continue
            for job_id in ids:
                if job_id not in ours:
                    self._let_go(job_id)
                elif job_id in self._held:
                    self._held[job_id].until = asked_at + self._lease

    def _let_go(self, job_id: UUID) -> None:
        held = self._held.pop(job_id, None)
        if held is not None:
            # Until its task has come to its end it takes up room, and this runner does not take it again.
            self._leaving.add(job_id)
            held.task.cancel()

    async def _work(self, claimed: ClaimedJob) -> None:
        try:
            write_end = await self._ran(claimed)
            while claimed.id in self._held:
                try:
                    await write_end()
                    return
                except StoreError as error:
                    log.warning("the end of job %s waits to be written: %s", claimed.id, error)
                    if self._ending:
                        return
                    await asyncio.sleep(self._lease / 20)
        except Exception:
            # Its lease ends, and it is tried again as often as its kind allows.
            log.exception("the end of job %s (%s) cannot be written", claimed.id, claimed.kind)
        finally:
            self._held.pop(claimed.id, None)
            self._leaving.discard(claimed.id)
            self._freed.set()

    async def _ran(self, claimed: ClaimedJob) -> Callable[[], Awaitable[bool]]:
        """Run a job; what writes its end."""
        about = (self._stores, self._id, claimed.id)
        kind = self._kinds[claimed.kind]
        try:
            result = stored.as_json(await kind.run(self._services, RunningJob(claimed, self)))
            return lambda: stored.finish_job(*about, result)
        except asyncio.CancelledError:
            if claimed.id in self._leaving:
                raise
            if self._ending:
                return lambda: stored.give_back_job(*about)
            code = DEFECT
            log.error("job %s (%s) cancelled itself", claimed.id, claimed.kind)
        except Refusal as refusal:
            code = refusal.code
            return lambda: stored.fail_job(*about, code)
        except Exception as error:
            code = str((code_of(error) or {}).get("code", DEFECT))
            if code == DEFECT:
                log.exception("job %s (%s) failed", claimed.id, claimed.kind)
        if claimed.attempt >= kind.attempts:
            return lambda: stored.fail_job(*about, code)
        pause = min(LONGEST_PAUSE, self._pause * 2 ** (claimed.attempt - 1)) * random.uniform(0.5, 1.5)
        return lambda: stored.retry_job(*about, code, pause)

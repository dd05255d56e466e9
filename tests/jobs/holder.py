"""What does a process do that dies with a job in hand? Started by a test, killed by it.

Arguments: the database, Redis, the lease in seconds. Prints the id and the attempt of each job that it takes, and never
finishes one.
"""

import asyncio
import sys

from datadir.postgresql.client import Postgres
from datadir.redis.client import Redis
from resolvers.jobs import Runner, RunningJob
from tests.jobs.working import kind, services_on


async def hold(job: RunningJob) -> None:
    sys.stdout.write(f"{job.id} {job.attempt}\n")
    sys.stdout.flush()
    await asyncio.Event().wait()


async def main(dsn: str, redis_url: str, lease: str) -> None:
    services = services_on(await Postgres.open(dsn), await Redis.open(redis_url))
    await Runner(services, {"work": kind(hold)}, lease=float(lease), poll=0.05).run_until(asyncio.Event())


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))

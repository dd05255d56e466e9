"""What does a start do when the secret has been replaced?"""

from __future__ import annotations

from dataclasses import replace

import pytest

from datadir.errors import StoreMisconfigured
from datadir.kafka.embedded import EmbeddedEventLog
from datadir.kafka.sealing import Wrapping
from datadir.postgresql.learner_keys import LearnerKeys
from datadir.scope import SYSTEM
from resolvers import key_rotation
from resolvers.job_kinds import KINDS
from resolvers.operation import Services
from tests.jobs.working import over, running
from tests.stores.eventlog_contract import append, learner, visit
from tests.stores.postgres_fixture import Database

OLD, NEW = "the secret that was in use until today", "the secret that is in use from today on"


def started_with(services: Services, database: Database, secret: str, before: str | None = None) -> Services:
    """The same services, as a process has them that was started with these secrets."""
    log = EmbeddedEventLog(database.pg, LearnerKeys(database.pg, Wrapping(secret, before)))
    return replace(services, stores=replace(services.stores, events=log))


async def closed_under_the_old_secret(services: Services, database: Database, people: int) -> None:
    await database.owner.execute("delete from learner_keys")
    log = started_with(services, database, OLD).stores.events
    await append(log, database, *[visit(await learner(database), "/a") for _ in range(people)])


async def test_keys_are_wrapped_anew_by_a_job(services: Services, database: Database) -> None:
    await closed_under_the_old_secret(services, database, 1203)
    between = started_with(services, database, NEW, OLD)
    await key_rotation.begin(between.stores)
    [row] = await database.owner.fetch("select * from jobs")
    assert (row["kind"], row["status"], row["owner"]) == ("keys.rewrap", "queued", None)
    async with running(between, KINDS):
        row = await over(database, row["id"])
    assert (row["status"], row["answer"], row["message"]) == ("done", '{"keys": 1203}', "1203 keys are wrapped anew")
    after = started_with(services, database, NEW)
    assert await after.stores.events.keys.under_other_secrets() == (0, 0)
    await key_rotation.begin(after.stores)
    assert await database.owner.fetchval("select count(*) from jobs") == 1


async def test_processes_that_start_meanwhile_ask_for_no_second_job(services: Services, database: Database) -> None:
    await closed_under_the_old_secret(services, database, 1)
    for _ in range(3):
        await key_rotation.begin(started_with(services, database, NEW, OLD).stores)
    assert await database.owner.fetchval("select count(*) from jobs") == 1


async def test_a_start_without_the_secret_of_the_keys_is_refused_in_words(
    services: Services, database: Database
) -> None:
    await closed_under_the_old_secret(services, database, 2)
    with pytest.raises(StoreMisconfigured) as refused:
        await key_rotation.begin(started_with(services, database, NEW).stores)
    assert str(refused.value) == (
        "2 keys of learners belong to another secret than STUDYGRAPH_SECRET: set it, or STUDYGRAPH_SECRET_BEFORE, to "
        "the one they were written under. Where that is lost, empty the table learner_keys: what they close is erased "
        "then."
    )
    async with database.pg.transaction(SYSTEM) as tx:
        assert await tx.execute("delete from learner_keys") == 2
    await key_rotation.begin(started_with(services, database, NEW).stores)

"""When are a learner's texts readable, for whom, and what does a key cost?"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID, uuid4

import asyncpg
import pytest

from datadir.errors import StoreMisconfigured
from datadir.kafka.embedded import EmbeddedEventLog
from datadir.kafka.event import Event
from datadir.kafka.sealing import ERASED, TAMPERED, Unreadable, Wrapping
from datadir.kafka.topics import BY_NAME, partition_of
from datadir.ledger import kept
from datadir.names import StoreName
from datadir.postgresql.client import Transaction
from datadir.postgresql.learner_keys import KEY_LIFETIME, LearnerKeys
from datadir.scope import SYSTEM, Scope
from tests.stores.eventlog_contract import TOPIC, append, learner, visit
from tests.stores.postgres_fixture import SECRET, Database


class Clock:
    """Seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def process(database: Database, secret: str = SECRET, before: str | None = None) -> EmbeddedEventLog:
    """The log as a process that has just started opens it."""
    return EmbeddedEventLog(database.pg, LearnerKeys(database.pg, Wrapping(secret, before)))


async def page_of(log: EmbeddedEventLog, event: Event) -> object:
    """The page of an event, as a reader of the log finds it."""
    deliveries = await log.read_from(TOPIC, partition_of(BY_NAME[TOPIC], event.key), 0, 10_000)
    [page] = [each.event.payload["page"] for each in deliveries if each.event.event_id == event.event_id]
    return page


async def key_of(database: Database, somebody: UUID) -> asyncpg.Record | None:
    return await database.owner.fetchrow("select * from learner_keys where user_id = $1", somebody)


# What it costs


async def test_a_key_costs_one_store_call_when_it_is_not_at_hand_and_none_when_it_is(database: Database) -> None:
    log, people = process(database), [await learner(database) for _ in range(10)]

    async def calls() -> int:
        with kept() as ledger:
            await append(log, database, *(visit(each, f"/{nth}") for each in people for nth in range(50)))
        assert list(ledger.stores) == [StoreName.KAFKA]
        return ledger.stores[StoreName.KAFKA].calls

    # The first makes the keys and could fail yet; the second finds them; from then on they are at hand.
    assert [await calls() for _ in range(4)] == [2, 2, 1, 1]


async def test_an_event_without_personal_texts_needs_no_key(database: Database) -> None:
    log, somebody = process(database), await learner(database)
    with kept() as ledger:
        await append(log, database, visit(somebody, ""))
    assert ledger.stores[StoreName.KAFKA].calls == 1
    assert await key_of(database, somebody) is None


async def test_a_process_keeps_so_many_keys_and_no_more(database: Database) -> None:
    keys = LearnerKeys(database.pg, Wrapping(SECRET), most=2)
    people = [await learner(database) for _ in range(3)]
    made = await made_keys(database, people)

    async def calls(*somebody: UUID) -> int:
        with kept() as ledger:
            assert len(await keys.for_opening({each: {made[each]} for each in somebody})) == len(somebody)
        return ledger.stores[StoreName.POSTGRESQL].calls if ledger.stores else 0

    assert [await calls(each) for each in people] == [1, 1, 1]
    assert [await calls(each) for each in people[1:]] == [0, 0]
    assert await calls(people[0]) == 1  # the one that lay longest had gone


async def made_keys(database: Database, people: list[UUID]) -> dict[UUID, UUID]:
    """Give each of these people a key; the ids of the keys."""
    async with database.pg.transaction(SYSTEM) as tx:
        return {each: key.id for each, key in (await database.keys.for_sealing(tx, people)).items()}


# Whose transaction it is


async def test_whoever_acts_may_append_and_becomes_nobody_else(database: Database) -> None:
    log, somebody, teacher = process(database), await learner(database), await learner(database)
    sent = visit(somebody, "/a")
    async with database.pg.transaction(Scope(user_id=teacher, role="teacher")) as tx:
        assert await log.append(tx, [sent]) == 1
        [row] = await tx.fetch(
            "select current_setting('app.role') as role, current_setting('app.user_id') as who, "
            "(select count(*) from learner_keys) as keys"
        )
        assert tuple(row) == ("teacher", str(teacher), 0)
    assert await page_of(log, sent) == "/a"
    assert await key_of(database, somebody) is not None


async def test_a_key_of_a_transaction_that_failed_closes_nothing_afterwards(database: Database) -> None:
    log, somebody = process(database), await learner(database)
    with pytest.raises(ZeroDivisionError):
        await append_and_fail(log, database, visit(somebody, "/lost"))
    assert await key_of(database, somebody) is None
    sent = visit(somebody, "/kept")
    await append(log, database, sent)
    assert await page_of(process(database), sent) == "/kept"


async def append_and_fail(log: EmbeddedEventLog, database: Database, sent: Event) -> None:
    async with database.pg.transaction(SYSTEM) as tx:
        assert await log.append(tx, [sent]) == 1
        assert await log.append(tx, [sent._replace(event_id=uuid4())]) == 1
        raise ZeroDivisionError


async def test_an_account_and_its_first_texts_are_written_together(database: Database) -> None:
    log, somebody = process(database), uuid4()
    first, second = visit(somebody, "/first"), visit(somebody, "/second")
    async with database.pg.transaction(SYSTEM) as tx:
        insert = "insert into users (id, email, password_hash) values ($1, $2, 'x')"
        await tx.execute(insert, somebody, f"{somebody}@school.test")
        await log.append(tx, [first])
        await log.append(tx, [second])
    assert [await page_of(process(database), each) for each in (first, second)] == ["/first", "/second"]


@pytest.mark.parametrize("first_commits", [True, False])
async def test_two_processes_that_meet_a_learner_at_once_use_one_key(database: Database, first_commits: bool) -> None:
    somebody = await learner(database)
    one, two = visit(somebody, "/one"), visit(somebody, "/two")
    try:
        async with under_way(database, process(database), one):
            waiting = asyncio.create_task(append(process(database), database, two))
            await somebody_waits(database)
            assert not waiting.done()
            if not first_commits:
                raise ZeroDivisionError
    except ZeroDivisionError:
        pass
    assert await waiting == 1
    reader = process(database)
    assert await page_of(reader, two) == "/two"
    if first_commits:
        assert await page_of(reader, one) == "/one"


@asynccontextmanager
async def under_way(database: Database, log: EmbeddedEventLog, sent: Event) -> AsyncIterator[Transaction]:
    """A transaction that has appended and not yet committed."""
    async with database.pg.transaction(SYSTEM) as tx:
        await log.append(tx, [sent])
        yield tx


async def somebody_waits(database: Database) -> None:
    """Until a transaction waits for another one's row."""
    waits = (
        "select exists (select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock')"
    )
    async with asyncio.timeout(10):
        while not await database.owner.fetchval(waits):
            await asyncio.sleep(0.01)


# When it is gone


async def test_another_process_learns_of_a_dropped_key_within_the_lifetime(database: Database) -> None:
    clock, somebody = Clock(), await learner(database)
    elsewhere = EmbeddedEventLog(database.pg, LearnerKeys(database.pg, Wrapping(SECRET), clock=clock))
    here, sent = process(database), visit(somebody, "/a")
    await append(here, database, sent)
    assert [await page_of(log, sent) for log in (here, elsewhere)] == ["/a", "/a"]
    async with database.pg.transaction(SYSTEM) as tx:
        assert await here.keys.drop(tx, [somebody]) == 1
    assert await page_of(here, sent) is ERASED
    clock.now += KEY_LIFETIME + 0.001
    assert await page_of(elsewhere, sent) is ERASED
    assert KEY_LIFETIME <= 5


async def test_a_new_key_is_found_before_the_old_one_has_been_forgotten(database: Database) -> None:
    here, elsewhere, somebody = process(database), process(database), await learner(database)
    old, new = visit(somebody, "/old"), visit(somebody, "/new")
    await append(here, database, old)
    assert await page_of(elsewhere, old) == "/old"
    async with database.pg.transaction(SYSTEM) as tx:
        await here.keys.drop(tx, [somebody])
    await append(here, database, new)
    assert await page_of(elsewhere, new) == "/new"
    assert await page_of(elsewhere, old) is ERASED


async def test_the_key_goes_with_the_account(database: Database) -> None:
    log, somebody = process(database), await learner(database)
    sent = visit(somebody, "/a")
    await append(log, database, sent)
    async with database.pg.transaction(SYSTEM) as tx:
        assert await tx.execute("delete from users where id = $1", somebody) == 1
    assert await key_of(database, somebody) is None
    assert await page_of(process(database), sent) is ERASED


async def test_who_has_no_account_says_nothing_that_is_kept(database: Database) -> None:
    log, nobody = process(database), uuid4()
    sent = visit(nobody, "/a")
    assert await append(log, database, sent) == 1
    assert await page_of(log, sent) is ERASED
    assert await key_of(database, nobody) is None


async def test_what_a_client_says_is_not_taken_for_our_word(database: Database) -> None:
    log, somebody = process(database), await learner(database)
    for said in ({"erased": True}, {"tampered": True}, {"sealed": "AAAA"}):
        sent = visit(somebody, "/a", **said)
        await append(log, database, sent)
        deliveries = await log.read_from(TOPIC, partition_of(BY_NAME[TOPIC], sent.key), 0, 10_000)
        got = deliveries[-1].event.payload["properties"]
        assert got == said
        assert not isinstance(got, Unreadable)


# What is not as it was written

SET_PAGE = "update outbox set payload = jsonb_set(payload, '{page}', $2::jsonb) where event_id = $1"


async def test_a_text_that_was_moved_is_noticed_and_holds_nobody_up(
    database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    log, somebody = process(database), await learner(database)
    sent = [visit(somebody, f"/{nth}") for nth in range(3)]
    await append(log, database, *sent)
    first = await database.owner.fetchval("select payload -> 'page' from outbox where event_id = $1", sent[0].event_id)
    await database.owner.execute(SET_PAGE, sent[1].event_id, first)
    assert [await page_of(log, each) for each in (sent[0], sent[2])] == ["/0", "/2"]
    caplog.clear()
    assert await page_of(log, sent[1]) is TAMPERED
    assert caplog.messages == [f"the field page of event {sent[1].event_id} is not what was written there"]


async def test_what_was_written_before_it_was_personal_is_handed_on(database: Database) -> None:
    log, somebody = process(database), await learner(database)
    sent = visit(somebody, "/a")
    await append(log, database, sent)
    await database.owner.execute(SET_PAGE, sent.event_id, '"/plain"')
    assert await page_of(log, sent) == "/plain"


async def test_a_type_of_a_newer_release_is_handed_on(database: Database) -> None:
    log, somebody = process(database), await learner(database)
    sent = visit(somebody, "/a")
    await append(log, database, sent)
    newer = (
        "update outbox set topic = 'accounts.events', partition = 0, type = 'user.renamed', version = 3, payload = $2 "
        "where event_id = $1"
    )
    await database.owner.execute(newer, sent.event_id, '{"page": {"sealed": "AAAA"}}')
    [got] = [
        each.event
        for each in await log.read_from("accounts.events", 0, 0, 1000)
        if each.event.event_id == sent.event_id
    ]
    assert (got.type, got.version, got.payload) == ("user.renamed", 3, {"page": {"sealed": "AAAA"}})


# Another secret

OLD, NEW = "the secret that was in use until today", "the secret that is in use from today on"


async def test_a_new_secret_opens_what_the_old_one_closed_and_takes_it_over(database: Database) -> None:
    await database.owner.execute("delete from learner_keys")
    people = [await learner(database) for _ in range(5)]
    sent = [visit(each, f"/{nth}") for nth, each in enumerate(people)]
    await append(process(database, OLD), database, *sent)
    between = process(database, NEW, OLD)
    assert [await page_of(between, each) for each in sent] == ["/0", "/1", "/2", "/3", "/4"]
    assert await between.keys.under_other_secrets() == (5, 0)
    ids = [(await key_of(database, each))["id"] for each in people]  # type: ignore[index]
    assert [await between.keys.rewrap(2) for _ in range(4)] == [2, 2, 1, 0]
    assert await between.keys.under_other_secrets() == (0, 0)
    after = process(database, NEW)
    assert [await page_of(after, each) for each in sent] == ["/0", "/1", "/2", "/3", "/4"]
    assert [(await key_of(database, each))["id"] for each in people] == ids  # type: ignore[index]


async def test_a_key_of_an_unknown_secret_is_neither_used_nor_replaced(database: Database) -> None:
    await database.owner.execute("delete from learner_keys")
    somebody = await learner(database)
    sent = visit(somebody, "/a")
    await append(process(database, OLD), database, sent)
    before = await key_of(database, somebody)
    stranger = process(database, NEW)
    assert await stranger.keys.under_other_secrets() == (0, 1)
    assert await stranger.keys.rewrap() == 0
    words = r"^A learner's key is wrapped under a secret that this process does not have\.$"
    with pytest.raises(StoreMisconfigured, match=words):
        await page_of(stranger, sent)
    with pytest.raises(StoreMisconfigured, match=words):
        await append(stranger, database, visit(somebody, "/b"))
    assert await key_of(database, somebody) == before
    assert await page_of(process(database, OLD), sent) == "/a"
    # Others read the same partition, and have not this secret either.
    await database.owner.execute("delete from learner_keys where user_id = $1", somebody)


async def test_somebody_elses_key_opens_nothing(database: Database, caplog: pytest.LogCaptureFixture) -> None:
    log, somebody, mallory = process(database), await learner(database), await learner(database)
    sent = visit(somebody, "/a")
    await append(log, database, sent, visit(mallory, "/b"))
    own = await key_of(database, mallory)
    assert own is not None
    await database.owner.execute(
        "update learner_keys set wrapped_key = $2 where user_id = $1", somebody, own["wrapped_key"]
    )
    assert await page_of(process(database), sent) is ERASED
    theirs = await key_of(database, somebody)
    assert theirs is not None
    assert caplog.messages == [f"the key {theirs['id']} of a learner is damaged"]
    with pytest.raises(StoreMisconfigured, match=r"^A learner's key is damaged\.$"):
        await append(process(database), database, visit(somebody, "/c"))


async def test_keys_rest_closed(database: Database) -> None:
    somebody = await learner(database)
    async with database.pg.transaction(SYSTEM) as tx:
        await database.keys.for_sealing(tx, [somebody])
    row = await key_of(database, somebody)
    assert row is not None
    key = Wrapping(SECRET).unwrap(row["wrapped_key"], row["wrapped_by"], somebody, row["id"])
    assert (len(key), len(row["wrapped_key"])) == (32, 60)
    assert key not in row["wrapped_key"]

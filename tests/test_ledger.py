"""Does the ledger tell the truth? What it counts, compared with what the stores themselves say they were asked."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Final, NamedTuple

import asyncpg
import pytest_asyncio

from tests.queries.triple import Triple, triples
from tests.running_school import RunningSchool

TRIPLES: Final[dict[str, Triple]] = {triple.name: triple for triple in triples()}
_ENTRY: Final = re.compile(r"^\d{4}-\d\d-\d\d [\d:.]+ UTC \[\d+\] ", re.MULTILINE)
# One request on the wire each: `execute name: ...` where values are bound, `statement: ...` where not.
_ASKED: Final = re.compile(r"LOG:  (?:execute [^:]+|statement): (.*)", re.DOTALL)
# What opens and ends a lease: the transaction and the viewer's scope in it, which comes with another statement.
_NO_CALLS: Final = ("begin", "commit", "rollback", "select set_config(")
# What the driver asks once on a new connection, to learn a type.
_DRIVERS_OWN: Final = ("typeinfo_tree", "current_setting('jit')", "set_config('jit'")
# What the runner of jobs asks beside every operation: it takes what is due, woken or not.
_RUNNERS_OWN: Final = "with kinds as ("
# What the audit log writes for whoever waits for it, several operations at once: no operation's own call.
_LOGS_OWN: Final = ("insert into audit_log", "select position, hash from audit_log")
# What the runner waits with in Redis until it is woken.
_RUNNERS_WAIT: Final = "blpop"
# What the preamble's script does within the server.
PREAMBLE: Final = {"evalsha": 1, "hmget": 1, "hset": 1, "expire": 1, "set": 1}


class Told(NamedTuple):
    """What one operation asked: by the ledger, by PostgreSQL's log and by Redis' own counts."""

    ledger: dict[str, dict[str, Any]]
    statements: list[str]
    commands: dict[str, int]

    def calls(self, *stores: str) -> int:
        """The ledger's calls of some stores."""
        return sum(self.ledger[store]["calls"] for store in stores if store in self.ledger)


class Watched:
    """A school whose PostgreSQL writes down every statement."""

    def __init__(self, school: RunningSchool) -> None:
        self._school = school
        self._log: Path = school.folder.path / "logs" / "postgresql.log"

    async def ask(self, name: str) -> Told:
        """Ask the question of a triple, once to warm up and once to be counted."""
        triple = TRIPLES[name]
        sent = (triple.question.read_text(encoding="utf-8"), triple.variables(self._school.ids), triple.account())
        await self._school.ask(*sent)
        before, begin = await self._counts(), self._log.stat().st_size
        answer = await self._school.ask(*sent)
        after = await self._counts()
        after["info"] -= 1
        with self._log.open("rb") as log:
            log.seek(begin)
            entries = [_ASKED.match(entry) for entry in _ENTRY.split(log.read().decode())]
        asked = [entry[1].strip() for entry in entries if entry is not None]
        return Told(
            answer["extensions"]["ledger"],
            [
                statement
                for statement in asked
                if not statement.startswith((*_NO_CALLS, *_LOGS_OWN, _RUNNERS_OWN))
                and not any(own in statement for own in _DRIVERS_OWN)
            ],
            {
                name: count - before.get(name, 0)
                for name, count in after.items()
                if count > before.get(name, 0) and name != _RUNNERS_WAIT
            },
        )

    async def _counts(self) -> dict[str, int]:
        stats = await self._school.services.stores.redis.raw.info("commandstats")
        return {name.removeprefix("cmdstat_"): entry["calls"] for name, entry in stats.items()}


@pytest_asyncio.fixture(scope="module")
async def watched(school: RunningSchool) -> AsyncIterator[Watched]:
    """The school, its statements logged as long as these tests run."""
    postgresql = school.services.stores.postgresql
    pool = postgresql.pool
    owner = await asyncpg.connect(school.owner_dsn)
    await owner.execute("alter role studygraph_app set log_statement = 'all'")
    # A connection has the settings that its role had when it was opened. Those that rest outside the pool do not hear
    # that they are over.
    await postgresql.warm.close()
    await pool.expire_connections()
    yield Watched(school)
    await owner.execute("alter role studygraph_app reset log_statement")
    await postgresql.warm.close()
    await pool.expire_connections()
    await owner.close()


async def test_of_the_front_page(watched: Watched) -> None:
    told = await watched.ask("classrooms/front_page")
    assert {store: entry["calls"] for store, entry in told.ledger.items()} == {
        "redis": 3,
        "postgresql": 11,
        "mongodb": 1,
        "qdrant": 1,
        "cassandra": 1,
    }
    # The embedded series rests in PostgreSQL.
    assert len(told.statements) == told.calls("postgresql", "cassandra") == 12
    assert len([each for each in told.statements if each.startswith("select w.nth, ")]) == 1
    assert told.commands == {**PREAMBLE, "mget": 2}


async def test_of_the_largest_front_page(watched: Watched) -> None:
    for name in ("classrooms/front_page_100_members", "classrooms/front_page_50_meetings"):
        told = await watched.ask(name)
        assert sum(entry["calls"] for entry in told.ledger.values()) == 17
        assert len(told.statements) == told.calls("postgresql", "cassandra") == 12
        assert told.commands == {**PREAMBLE, "mget": 2}


async def test_of_what_is_refused(watched: Watched) -> None:
    told = await watched.ask("classrooms/front_page_outsider")
    assert told.calls("postgresql") == len(told.statements) == 1
    assert told.commands == PREAMBLE
    anonymous = await watched.ask("accounts/viewer_anonymous")
    assert anonymous == Told({}, [], {})


async def test_of_logging_in(watched: Watched) -> None:
    told = await watched.ask("accounts/log_in")
    assert len(told.statements) == told.calls("postgresql", "kafka")
    # Three counters in one script; a session and its life in one request.
    assert told.calls("redis") == 2
    assert {name: count for name, count in told.commands.items() if name not in ("multi", "exec")} == {
        "evalsha": 1,
        "incrby": 3,
        "hset": 1,
        "expire": 1,
    }


async def test_of_every_question_there_is(watched: Watched) -> None:
    for name in TRIPLES:
        if "anonymous" in name:
            continue  # no session, and what is refused before any store is asked
        told = await watched.ask(name)
        assert len(told.statements) == told.calls("postgresql", "cassandra", "kafka"), name

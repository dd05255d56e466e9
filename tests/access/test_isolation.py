"""Does anybody ever get somebody else's answer? Five thousand requests of twenty viewers at once, on three connections.

Each is answered as the same viewer is answered alone. The connections to PostgreSQL are so few that they go from one
operation to another between two of its levels, each time with another viewer's scope; plans, scripts, statements and
everything else that a process keeps are shared by all, in both ways of running an operation. It takes 20 seconds.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import product
from pathlib import Path
from random import Random
from typing import Any, Final, NamedTuple
from uuid import UUID, uuid4

import orjson
import pytest
import pytest_asyncio
import structlog

from datadir.cassandra.embedded import EmbeddedSeries
from datadir.postgresql.client import Postgres
from datadir.postgresql.warm import Connection, Warm
from datadir.redis import keys
from datadir.scope import SYSTEM
from graph.app import application
from graph.http.application import Application
from graph.ids import encode
from resolvers.operation import Services
from tests.running_school import RunningSchool, unpriced

CONNECTIONS: Final = 3
# By plans, and by dataloaders.
EXECUTIONS: Final = ("compiled", "graphql-core")
SEED: Final = 24
LANGUAGES: Final = [
    f"{language}-{country}" for language in ("de", "en", "es", "fr") for country in ("AT", "BE", "CA", "CH", "LU")
]
# Who they are, from the demo: whoever teaches, sits or assists in several classrooms first.
_PEOPLE: Final = """
    (select id, role from users where role in ('admin', 'service'))
    union all (select id, role from users u where role = 'teacher' order by email limit 6)
    union all (select u.id, u.role from users u join classroom_members m on m.user_id = u.id where u.role = 'student'
               group by u.id order by count(*) desc, u.email limit 12)
"""
QUESTIONS: Final = (
    "query Me { viewer { id email name } }",
    # Levels of PostgreSQL alone, and what nobody but the viewer is told.
    """query Own { viewer { id email preferences { language }
        classrooms(first: 2) { nodes { id joinCode viewerRole } } } }""",
    # MongoDB between two levels of PostgreSQL.
    """query Said { classrooms(first: 1) { nodes { name meetings(first: 1) { nodes { transcript {
        segments(first: 1) { nodes { text speaker { id email } } } } } } } } }""",
    # Whoever teaches is told how it went, members are not, others do not know of it. Redis beside PostgreSQL.
    """query Exams($ids: [ID!]!) { nodes(ids: $ids) { id
        ... on Assessment { title submissionSummary { count gradedCount } }
        ... on User { name email presence { status } } } }""",
    # Redis, Cassandra and MongoDB after PostgreSQL, and PostgreSQL after them.
    """query Here { viewer { presence { status } engagement(days: 3) { date engagementScore }
        activity(first: 1) { nodes { id } } enrollments(first: 1) { nodes { course { title } } } } }""",
    # Everybody's own word, written and read again.
    """mutation Say($language: String!) { updatePreferences(input: { language: $language }) {
        preferences { language theme } errors { code } } }""",
)


class Wave(NamedTuple):
    """So many requests, so many of them at once, and the shares of the questions."""

    requests: int
    at_once: int
    shares: tuple[int, ...]


WAVES: Final = (
    # A connection is handed on as soon as a level is answered: somebody always waits for it.
    Wave(4_400, 150, (24, 4, 2, 2, 1, 1)),
    # Nobody waits, so it stays with its operation, which is asking MongoDB when the next one comes and takes it away.
    Wave(600, CONNECTIONS + 1, (4, 1, 5, 0, 0, 0)),
)
TAKEN_AWAY: Final = 20
"""So often that must have happened at least."""


PATIENCE: Final = 10
"""How often a question is asked again that a store was too busy for."""


class Watched(Warm):
    """Knows how often a connection was taken from a lease that goes on."""

    __slots__ = ("taken_away",)

    def __init__(self, most: int, give_back: Any) -> None:
        super().__init__(most, give_back)
        self.taken_away = 0

    def take(self) -> Connection | None:
        """As ever."""
        kept = len(self._kept)
        connection = super().take()
        self.taken_away += kept - len(self._kept)
        return connection


@dataclass
class Viewer:
    """Somebody who is logged in."""

    id: UUID
    session: UUID
    token: str
    language: str

    @property
    def key(self) -> str:
        """Where Redis has their session."""
        return keys.session(keys.session_id(self.id, self.session))


@dataclass
class Crowd:
    """The viewers, and the program on few connections, once for each way of running an operation."""

    viewers: Sequence[Viewer]
    programs: dict[str, Application]
    warm: Watched
    ids: list[str]

    async def answer(self, execution: str, viewer: Viewer, question: str) -> bytes:
        """What this viewer is told, without what it cost, errors by their places. Past httpx, which takes longer than
        the program."""
        variables: dict[str, Any] = {}
        if "$ids" in question:
            variables["ids"] = self.ids
        if "$language" in question:
            variables["language"] = viewer.language
        sent = [{"type": "http.request", "body": orjson.dumps({"query": question, "variables": variables})}]
        told: list[bytes] = []

        async def receive() -> dict[str, Any]:
            # Whoever asks again learns that the client is still there.
            return sent.pop() if sent else await asyncio.Future()

        async def send(message: dict[str, Any]) -> None:
            told.append(message.get("body", b""))

        headers = [(b"content-type", b"application/json"), (b"authorization", b"Bearer " + viewer.token.encode())]
        at: dict[str, Any] = {"type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "scheme": "http"}
        at |= {"method": "POST", "path": "/graphql", "raw_path": b"/graphql", "query_string": b"", "root_path": ""}
        at |= {
            "headers": [(b"host", b"crowd.test"), *headers],
            "client": ("127.0.0.1", 1),
            "server": ("crowd.test", 80),
        }
        await self.programs[execution](at, receive, send)  # type: ignore[arg-type]
        body = unpriced(orjson.loads(b"".join(told)))
        body.get("errors", []).sort(key=lambda error: str(error.get("path")))
        return orjson.dumps(body)


@pytest.fixture
def unlogged() -> Iterator[None]:
    """Five thousand lines take as long as five hundred requests."""
    before = structlog.get_config()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    yield
    structlog.configure(**before)


@asynccontextmanager
async def _given(services: Services) -> AsyncIterator[Services]:
    yield services


@pytest_asyncio.fixture
async def crowd(school: RunningSchool, unlogged: None, tmp_path: Path) -> AsyncIterator[Crowd]:
    """It leaves the school as it was."""
    stores, settings = school.services.stores, school.settings
    given: Any = stores.postgresql.pool
    [dsn] = given._connect_args
    few = await Postgres.open(dsn, min_size=CONNECTIONS, max_size=CONNECTIONS, read_deadline=30)
    few.warm = warm = Watched(CONNECTIONS, few._cooled)
    series = EmbeddedSeries(few, secret="of pages that nobody asks for, and long enough")
    services = replace(school.services, stores=replace(stores, postgresql=few, series=series))
    async with stores.postgresql.transaction(SYSTEM) as tx:
        people = await tx.fetch(_PEOPLE)
        liked = [tuple(each) for each in await tx.fetch("select * from user_preferences")]
        exams = await tx.fetch("select id from assessments order by id limit 2")
        others = await tx.fetch("select id from users where role = 'student' order by email limit 2")
    viewers = [
        await _logged_in(services, who, role, language) for (who, role), language in zip(people, LANGUAGES, strict=True)
    ]
    async with AsyncExitStack() as stack:
        programs = {}
        for execution in EXECUTIONS:
            runs = settings.model_copy(update={"execution": execution})
            programs[execution] = application(runs, _given(services), built=tmp_path)
            await stack.enter_async_context(programs[execution].router.lifespan_context(programs[execution]))
        ids = [encode("Assessment", each) for (each,) in exams] + [encode("User", each) for (each,) in others]
        yield Crowd(viewers, programs, warm, ids)
    await few.close()
    await stores.redis.delete(*(each.key for each in viewers))
    async with stores.postgresql.transaction(SYSTEM) as tx:
        await tx.execute("delete from user_preferences")
        if liked:
            places = ", ".join(f"${number}" for number in range(1, len(liked[0]) + 1))
            await tx.executemany(f"insert into user_preferences values ({places})", liked)


async def _logged_in(services: Services, user_id: UUID, role: str, language: str) -> Viewer:
    record, now = uuid4(), datetime.now(UTC)
    session_id = keys.session_id(user_id, record)
    token = services.tokens.access(user_id, role, session_id, now).text
    viewer = Viewer(user_id, record, token, language)
    fields = {"user_id": str(user_id), "role": role, "created_at": str(services.now().timestamp())}
    await services.stores.redis.write_hash(viewer.key, fields, ttl=keys.SESSION_TTL)
    return viewer


async def test_threat_24_five_thousand_at_once_are_each_answered_as_if_alone(crowd: Crowd) -> None:
    assert len({viewer.id for viewer in crowd.viewers}) == 20
    alone: dict[tuple[str, UUID, str], bytes] = {}
    # Twice: whoever has asked once is there, for all others too.
    for execution in (*EXECUTIONS, *EXECUTIONS):
        for question in QUESTIONS:
            for viewer in crowd.viewers:
                alone[execution, viewer.id, question] = await crowd.answer(execution, viewer, question)
    refused = {answer for answer in alone.values() if b"STORE_UNAVAILABLE" in answer}
    assert refused == set(), "alone, nobody is too many"
    for execution, question in product(EXECUTIONS, QUESTIONS):
        told = {alone[execution, viewer.id, question] for viewer in crowd.viewers}
        assert len(told) >= 5, f"viewers can be told apart: {question}"
    assert crowd.warm.taken_away == 0, "alone, nobody loses a connection"

    random, mixed_up = Random(SEED), list[str]()
    answered = Counter[str]()

    async def ask(left: Iterator[str]) -> None:
        for question in left:
            viewer = random.choice(crowd.viewers)
            execution = "graphql-core" if random.random() < 0.2 else "compiled"
            answer = await crowd.answer(execution, viewer, question)
            # On a busy machine a store may be too slow for so many at once: what it did not answer is asked again.
            for _ in range(PATIENCE):
                if b"STORE_UNAVAILABLE" not in answer:
                    break
                # Not all at once: together they would keep it busy.
                await asyncio.sleep(random.uniform(0.1, 2))
                answer = await crowd.answer(execution, viewer, question)
            answered[execution] += 1
            if answer != alone[execution, viewer.id, question]:
                others = [each for each, told in alone.items() if told == answer]
                whose = f"what {others[0][1]} is told" if others else answer.decode()
                mixed_up.append(f"{viewer.id} asked {question[:16]!r} by {execution} and was told {whose}")

    for wave in WAVES:
        left = iter(random.choices(QUESTIONS, wave.shares, k=wave.requests))
        async with asyncio.TaskGroup() as group:
            for _ in range(wave.at_once):
                group.create_task(ask(left))
    assert mixed_up == [], f"{len(mixed_up)} answers, the first: {mixed_up[:3]}"
    assert answered.total() == 5_000
    assert min(answered[execution] for execution in EXECUTIONS) > 500
    assert crowd.warm.taken_away > TAKEN_AWAY

"""What becomes of an operation that takes too long, or that nobody wants any more?

A lock on a table holds its reads up for as long as a test wants; the stores' own deadline is ten seconds there.
"""

from __future__ import annotations

import asyncio
from contextlib import nullcontext
from time import monotonic
from typing import Any, Final

import httpx
import pytest

from graph.app import Answer, Graph, application
from graph.http.envelope import Envelope
from resolvers.deadline import LISTEN_AFTER, Deadline
from resolvers.errors import OutOfTime
from tests.locked import PATIENCE, locked, until_waiting
from tests.running_school import RunningSchool

QUESTION: Final = (
    "query ($id: ID!) { classroom(id: $id) { name meetings(first: 1) { nodes { title } } teacher { name } } }"
)
TOLD: Final = {
    "message": "This was not there in the time that an operation has.",
    "extensions": {"code": "TIMEOUT"},
}
DEADLINE_MS: Final = 400

both = pytest.mark.parametrize("execution", ["compiled", "graphql-core"])


def graph_of(school: RunningSchool, execution: str, deadline_ms: int = DEADLINE_MS) -> Graph:
    settings = school.settings.model_copy(
        update={"execution": execution, "operation_deadline_ms": deadline_ms, "store_deadline_ms": 10_000}
    )
    return Graph(school.services, settings)


async def answered(graph: Graph, school: RunningSchool, question: str, variables: dict[str, Any]) -> Answer:
    return await graph.answer(Envelope(question, variables), authorization=f"Bearer {await school.token('teacher')}")


@both
async def test_what_is_not_there_in_time_is_null_and_all_else_is_right(execution: str, school: RunningSchool) -> None:
    graph = graph_of(school, execution)
    variables = {"id": school.ids["classroom"]}
    async with locked(school, "meetings") as watcher:
        answer = await answered(graph, school, QUESTION, variables)
        await until_waiting(watcher, 0)
    # One level is one transaction: what stood in it behind the lock was not there either.
    assert answer.status == 200
    assert answer.body["data"]["classroom"]["name"] == "Plant Biology"
    assert answer.body["data"]["classroom"]["meetings"] is None
    errors = {tuple(error.pop("path")): error for error in answer.body["errors"]}
    del errors["classroom", "meetings"]["locations"]
    assert errors["classroom", "meetings"] == TOLD
    assert "sources" not in answer.body.get("extensions", {}), "no store is to blame"
    whole = await answered(graph, school, QUESTION, variables)
    assert "errors" not in whole.body, "the connection that was cut is no worse for it"


@both
async def test_a_root_field_that_is_not_there_in_time_is_null(execution: str, school: RunningSchool) -> None:
    async with locked(school, "classrooms") as watcher:
        question = "query ($id: ID!) { classroom(id: $id) { name } stores { name } }"
        answer = await answered(graph_of(school, execution), school, question, {"id": school.ids["classroom"]})
        await until_waiting(watcher, 0)
    assert answer.body["data"]["classroom"] is None
    assert len(answer.body["data"]["stores"]) == 7
    [error] = answer.body["errors"]
    assert error == {**TOLD, "path": ["classroom"], "locations": [{"line": 1, "column": 20}]}


@both
async def test_so_is_everything_where_the_scope_cannot_be_read(execution: str, school: RunningSchool) -> None:
    async with locked(school, "classroom_members") as watcher:
        question = "{ a: classrooms { totalCount } b: viewer { name } }"
        answer = await answered(graph_of(school, execution), school, question, {})
        await until_waiting(watcher, 0)
    assert answer.body["data"] == {"a": None, "b": None}
    assert [error["extensions"] for error in answer.body["errors"]] == [{"code": "TIMEOUT"}] * 2


@both
async def test_who_is_no_longer_wanted_asks_the_stores_nothing_more(execution: str, school: RunningSchool) -> None:
    graph = graph_of(school, execution, 60_000)
    async with locked(school, "meetings") as watcher:
        asking = asyncio.create_task(answered(graph, school, QUESTION, {"id": school.ids["classroom"]}))
        await until_waiting(watcher, 1)
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        await until_waiting(watcher, 0)


async def test_nobody_waits_longer_for_who_is_asking(school: RunningSchool) -> None:
    # Redis takes no command meanwhile: whose session it is cannot be known.
    settings = school.settings.model_copy(update={"operation_deadline_ms": DEADLINE_MS})
    authorization = f"Bearer {await school.token('teacher')}"
    app = application(settings, nullcontext(school.services), built=school.folder.path / "built")
    http = httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://school.test")
    async with app.router.lifespan_context(app), http:
        await school.services.stores.redis.raw.client_pause(3 * DEADLINE_MS)
        response = await http.post(
            "/graphql", json={"query": "{ viewer { name } }"}, headers={"authorization": authorization}
        )
    # Whoever comes next finds it at work again: this waits as long as it takes.
    await school.services.stores.redis.raw.ping()
    assert response.status_code == 504
    assert response.json() == {"errors": [TOLD]}


async def test_after_the_deadline_nothing_is_begun() -> None:
    begun: list[str] = []

    async def work(name: str, seconds: float) -> None:
        begun.append(name)
        await asyncio.sleep(seconds)

    deadline = Deadline(0.01)
    with pytest.raises(OutOfTime):
        await deadline.within(work("the first mutation", PATIENCE))
    with pytest.raises(OutOfTime):
        await deadline.within(work("the second", 0))
    assert begun == ["the first mutation"]
    # The task that waited goes on as if nobody had ever cancelled it.
    task = asyncio.current_task()
    assert task is not None
    assert task.cancelling() == 0


async def test_whoever_cancels_the_task_besides_is_obeyed() -> None:
    deadline = Deadline(0.01)
    waiting = asyncio.Event()

    async def work() -> None:
        waiting.set()
        await asyncio.sleep(PATIENCE)

    task = asyncio.create_task(deadline.within(work()))
    await waiting.wait()
    task.cancel()
    deadline._pass()
    with pytest.raises(asyncio.CancelledError):
        await task
    deadline.over()


async def test_what_is_slow_is_given_up_when_nobody_waits_for_it() -> None:
    deadline, gone, listened = Deadline(PATIENCE), asyncio.Event(), asyncio.Event()

    async def leaves() -> None:
        listened.set()
        await gone.wait()

    async def work() -> tuple[bool, int]:
        deadline.heard_by(leaves)
        try:
            await deadline.within(asyncio.sleep(PATIENCE))
        except asyncio.CancelledError:
            deadline.call_off()
        task = asyncio.current_task()
        assert task is not None
        return deadline.given_up(), task.cancelling()

    began = monotonic()
    asked = asyncio.create_task(work())
    await listened.wait()
    assert monotonic() - began >= LISTEN_AFTER
    gone.set()
    assert await asked == (True, 0), "the task goes on as if nobody had cancelled it"


async def test_it_listens_at_once_where_it_was_slow_before() -> None:
    deadline, listened = Deadline(PATIENCE), asyncio.Event()

    async def leaves() -> None:
        listened.set()

    async def work() -> bool:
        await asyncio.sleep(2 * LISTEN_AFTER)
        deadline.heard_by(leaves)
        with pytest.raises(asyncio.CancelledError):
            await deadline.within(asyncio.sleep(PATIENCE))
        deadline.over()
        return deadline.given_up()

    assert await work()
    assert listened.is_set()


async def test_who_is_cancelled_by_others_too_is_not_given_up() -> None:
    deadline, listened = Deadline(PATIENCE), asyncio.Event()

    async def leaves() -> None:
        listened.set()

    async def work() -> None:
        deadline.heard_by(leaves)
        try:
            await deadline.within(asyncio.sleep(PATIENCE))
        except asyncio.CancelledError:
            deadline.call_off()
            if not deadline.given_up():
                raise

    asked = asyncio.create_task(work())
    await listened.wait()
    asked.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asked


async def test_the_deadline_passes_all_the_same_when_it_was_slow() -> None:
    began = monotonic()
    with pytest.raises(OutOfTime):
        await Deadline(3 * LISTEN_AFTER).within(asyncio.sleep(PATIENCE))
    assert 3 * LISTEN_AFTER <= monotonic() - began + 0.01 < PATIENCE


async def test_what_is_quick_never_listens() -> None:
    asked: list[str] = []

    async def leaves() -> None:
        asked.append("whether anybody listens")

    deadline = Deadline(PATIENCE)
    deadline.heard_by(leaves)
    await deadline.within(asyncio.sleep(0))
    deadline.over()
    await asyncio.sleep(2 * LISTEN_AFTER)
    assert asked == []

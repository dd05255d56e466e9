"""Does who follows the stores hear how they are, and what becomes of them, without a gap?"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from datadir.names import StoreName
from graph.app import Answer, Graph
from loaders.watch import Watch
from tests.live.following import following
from tests.running_school import RunningSchool

LIVE = """
subscription StoresLive($after: String) {
  storesLive(after: $after) {
    cursor kind at dropped
    snapshot { stores { name kind status } }
    changes { op store { name status } }
  }
}
"""
DETAILS = "subscription { storesLive { kind snapshot { stores { name version mode } } } }"


async def heard(answers: AsyncIterator[Answer]) -> Any:
    """The next event."""
    answer = await anext(answers)
    assert (answer.status, list(answer.body)) == (200, ["data", "extensions"])
    assert list(answer.body["extensions"]) == ["cost"]
    return answer.body["data"]["storesLive"]


@contextmanager
def at_work(school: RunningSchool, percent: int) -> Iterator[None]:
    """Kafka has background work."""
    progress = school.services.stores.progress
    progress[StoreName.KAFKA] = percent
    try:
        yield
    finally:
        del progress[StoreName.KAFKA]


def change(store: str, status: str) -> dict[str, Any]:
    return {"op": "UPDATED", "store": {"name": store, "status": status}}


async def test_first_come_all_stores_then_what_becomes_of_one(graph: Graph, school: RunningSchool) -> None:
    objects = school.folder.path / "minio" / "objects"
    async with following(graph, LIVE) as answers:
        first = await heard(answers)
        assert first["kind"] == "SNAPSHOT"
        assert first["at"] == school.now.strftime("%Y-%m-%dT%H:%M:%S.000Z")
        assert [each["name"] for each in first["snapshot"]["stores"]] == [each.value for each in StoreName]
        assert {each["status"] for each in first["snapshot"]["stores"]} == {"OK"}
        assert (first["changes"], first["dropped"]) == (None, 0)
        away = objects.rename(objects.with_name("away"))
        try:
            down = await heard(answers)
        finally:
            away.rename(objects)
        assert (down["kind"], down["snapshot"], down["changes"]) == ("CHANGE", None, [change("minio", "DOWN")])
        well = await heard(answers)
        assert (well["kind"], well["changes"]) == ("CHANGE", [change("minio", "OK")])
        assert len({first["cursor"], down["cursor"], well["cursor"]}) == 3


async def test_a_cursor_goes_on_where_it_was(graph: Graph, school: RunningSchool) -> None:
    async with following(graph, LIVE) as answers:
        cursor = (await heard(answers))["cursor"]
    with at_work(school, 50):
        async with following(graph, LIVE, {"after": cursor}) as answers:
            event = await heard(answers)
            assert (event["kind"], event["changes"]) == ("CHANGE", [change("kafka", "WARMING")])
    async with following(graph, LIVE, {"after": cursor}) as answers:
        event = await heard(answers)
        # What began and ended meanwhile is no change any more, but it is counted.
        assert (event["kind"], event["changes"], event["dropped"]) == ("CHANGE", [], 2)


async def test_a_cursor_of_another_process_begins_anew(graph: Graph, school: RunningSchool) -> None:
    other = Graph(replace(school.services, health=Watch(lambda store: store.status)), school.settings)
    async with following(other, LIVE) as answers:
        cursor = (await heard(answers))["cursor"]
    async with following(graph, LIVE, {"after": cursor}) as answers:
        event = await heard(answers)
        assert (event["kind"], len(event["snapshot"]["stores"]), event["changes"]) == ("RESET", 7, None)
        assert event["cursor"] != cursor


async def test_a_forged_cursor_is_refused_and_that_is_all(graph: Graph) -> None:
    async with following(graph, LIVE, {"after": "forged"}) as answers:
        [answer] = [each async for each in answers]
    [error] = answer.body["errors"]
    assert answer.body["data"] is None
    assert error["extensions"] == {"code": "BAD_CURSOR"}
    assert error["path"] == ["storesLive"]


async def test_without_an_account_one_follows_what_everyone_may_see_and_nothing_else(
    graph: Graph, school: RunningSchool
) -> None:
    async with following(graph, DETAILS) as answers:
        [answer] = [each async for each in answers]
        assert answer.status == 401
        assert [each["extensions"]["code"] for each in answer.body["errors"]] == ["UNAUTHENTICATED"]
    for account, mode in (("student", None), ("admin", "EMBEDDED")):
        async with following(graph, DETAILS, token=await school.token(account)) as answers:
            answer = await anext(answers)
            [modes] = [{each["mode"] for each in answer.body["data"]["storesLive"]["snapshot"]["stores"]}]
            assert modes == {mode}
            codes = {each["extensions"]["code"] for each in answer.body.get("errors", ())}
            assert codes == (set() if mode else {"FORBIDDEN"})

"""What do those who run it learn from /healthz, /readyz and /metrics?"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families
from pydantic import SecretStr

from datadir.ledger import Ledger
from datadir.stores import StoreHealth
from graph.app import Graph, application
from graph.http.application import Application
from graph.telemetry import MOST_OPERATIONS
from resolvers.operation import Services
from tests.http.refusals import refusal
from tests.running_school import RunningSchool

STORES = ("postgresql", "redis", "mongodb", "qdrant", "cassandra", "kafka", "minio")


async def numbers(http: httpx.AsyncClient) -> dict[tuple[str, ...], float]:
    """Every sample of /metrics, by its name and its labels' values in order."""
    response = await http.get("/metrics")
    assert response.status_code == 200
    return {
        (sample.name, *(value for _, value in sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(response.text)
        for sample in family.samples
    }


@asynccontextmanager
async def around(
    school: RunningSchool, services: Services, **settings: object
) -> AsyncIterator[tuple[Application, httpx.AsyncClient]]:
    """Another worker with other services or settings."""

    @asynccontextmanager
    async def given() -> AsyncIterator[Services]:
        yield services

    app = application(school.settings.model_copy(update=settings), given())
    client = httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://other.test")
    async with app.router.lifespan_context(app), client as http:
        yield app, http


def with_down(services: Services, *down: str) -> Services:
    """The same services, some of whose stores do not answer a ping."""

    class Stores:
        def __getattr__(self, name: str) -> object:
            return getattr(services.stores, name)

        async def health(self) -> list[StoreHealth]:
            return [StoreHealth(each, "kind", "down" if each in down else "ok", "real") for each in STORES]

    return replace(services, stores=Stores())  # type: ignore[arg-type]


async def test_alive_asks_no_store_and_ready_asks_each(school: RunningSchool) -> None:
    assert (await school.http.get("/healthz")).json() == {"status": "ok"}
    ready = await school.http.get("/readyz")
    assert ready.status_code == 200
    assert set(ready.json()["stores"]) == set(STORES)
    assert ready.json()["status"] == "ok"
    assert ready.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("needed", ["postgresql", "redis"])
async def test_without_a_store_that_everything_needs_it_is_not_ready_but_alive(
    school: RunningSchool, needed: str
) -> None:
    async with around(school, with_down(school.services, needed, "kafka")) as (_, http):
        response = await http.get("/readyz")
        assert (response.status_code, refusal(response).code) == (503, "STORE_UNAVAILABLE")
        assert response.json()["errors"][0]["extensions"]["store"] == needed
        assert (await http.get("/healthz")).status_code == 200


async def test_without_another_store_it_is_ready_and_says_which_is_down(school: RunningSchool) -> None:
    async with around(school, with_down(school.services, "cassandra")) as (_, http):
        response = await http.get("/readyz")
        assert response.status_code == 200
        assert response.json()["status"] == "degraded"
        assert response.json()["stores"]["cassandra"] == "down"


async def test_who_is_about_to_end_is_not_ready(school: RunningSchool) -> None:
    async with around(school, school.services) as (app, http):
        app.stopping.set()
        response = await http.get("/readyz")
        assert (response.status_code, refusal(response).code) == (503, "OVERLOADED")
        assert response.headers["retry-after"] == "1"


async def test_operations_are_counted_by_hash_with_levels_store_calls_and_errors(school: RunningSchool) -> None:
    # A worker that has met no other document: after some hundreds the rest are counted as one.
    async with around(school, school.services) as (_, http):
        await counted(replace(school, http=http))


async def counted(school: RunningSchool) -> None:
    query = "query Counted($id: ID!) { classroom(id: $id) { name teacher { name } } }"
    await school.token("teacher")
    before = await numbers(school.http)
    answers = [await school.ask(query, {"id": school.ids["classroom"]}) for _ in range(3)]
    await school.ask(query, {"id": "nothing"})
    assert (await school.ask("query Wrong { nothing }"))["errors"]
    after = await numbers(school.http)

    def grown(*labels: str) -> float:
        return after.get(labels, 0) - before.get(labels, 0)

    [digest] = {key[1] for key in after if key[0] == "studygraph_operations_total" and key[2] == "Counted"}
    assert re.fullmatch("[0-9a-f]{16}", digest)
    assert grown("studygraph_operations_total", digest, "Counted", "200") == 4
    assert grown("studygraph_operation_seconds_count", digest, "Counted") == 4
    assert after["studygraph_operation_seconds_bucket", digest, "+Inf", "Counted"] == 4
    assert grown("studygraph_operations_total", "refused", "", "400") == 1
    assert grown("studygraph_errors_total", "NOT_FOUND") == 1
    assert grown("studygraph_errors_total", "GRAPHQL_VALIDATION_FAILED") == 1
    asked = [answer["extensions"]["ledger"]["postgresql"]["calls"] for answer in answers]
    assert grown("studygraph_store_calls_total", "postgresql") >= sum(asked) > 0
    if school.settings.execution == "compiled":  # graphql-core knows no levels
        assert after["studygraph_operation_levels", digest, "Counted"] == 2
        assert grown("studygraph_plans_total", "kept") == 3
        assert grown("studygraph_plans_total", "made") == 1
    assert grown("studygraph_documents_total", "kept") == 3
    assert grown("studygraph_documents_total", "made") == 2


async def test_pools_breakers_and_places_are_told(school: RunningSchool) -> None:
    told = await numbers(school.http)
    for store in ("postgresql", "redis", "mongodb", "qdrant", "cassandra", "minio"):
        assert told["studygraph_breaker_state", store] == 0
        assert told["studygraph_pool_under_way", store] <= told["studygraph_pool_most", store]
        assert told["studygraph_pool_most", store] > 0
        assert ("studygraph_breaker_refused_total", store) in told
    assert told["studygraph_pool_connections", "idle", "postgresql"] >= 1
    for name in ("operations_under_way", "operations_waiting", "sockets_open"):
        assert told[f"studygraph_{name}",] == 0
    for what in ("operation", "socket"):
        assert told["studygraph_shed_total", what] == 0
    assert told["process_resident_memory_bytes",] > 0


async def test_a_flood_of_documents_does_not_become_a_flood_of_numbers(school: RunningSchool) -> None:
    graph = Graph(school.services, school.settings)
    for number in range(MOST_OPERATIONS + 50):
        document = graph.documents.document(f"query Q{number} {{ __typename }}")
        graph.telemetry.operation(document, f"Q{number}", 200, (), 0.001, Ledger())
    counts = {
        tuple(sample.labels.values()): sample.value
        for family in graph.telemetry.collect()
        if family.name == "studygraph_operations"
        for sample in family.samples
    }
    assert len(counts) == MOST_OPERATIONS + 1
    assert counts["other", "", "200"] == 50


async def test_the_metrics_ask_for_their_token_where_there_is_one(school: RunningSchool) -> None:
    async with around(school, school.services, metrics_token=SecretStr("a token of metrics")) as (_, http):
        for wrong in ({}, {"authorization": "Bearer another"}, {"authorization": "a token of metrics"}):
            response = await http.get("/metrics", headers=wrong)
            assert (response.status_code, refusal(response).code) == (401, "UNAUTHENTICATED")
        right = await http.get("/metrics", headers={"authorization": "Bearer a token of metrics"})
        assert right.status_code == 200
        assert "studygraph_operations_total" in right.text
        assert (await http.get("/healthz")).status_code == 200

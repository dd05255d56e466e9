"""Is each operation of a batch answered as if it had come alone?"""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from tests.http.refusals import refusal
from tests.listening import listening
from tests.running_school import RunningSchool

KINDS = "application/graphql-response+json"


async def sent(url: str, body: Any, accept: str = KINDS) -> httpx.Response:
    async with httpx.AsyncClient(trust_env=False) as client:
        return await client.post(url, json=body, headers={"accept": accept})


async def test_answers_come_in_the_order_of_the_questions(school: RunningSchool) -> None:
    batch = [
        {"query": "{ __typename }"},
        {"query": "{"},
        {"query": "query Q($yes: Boolean!) { __typename @include(if: $yes) }", "variables": {"yes": True}},
        {"query": "{ classrooms { nodes { id } } }"},
    ]
    async with listening(school) as served:
        response = await sent(served.url, batch)
        assert (response.status_code, response.headers["content-type"]) == (200, f"{KINDS}; charset=utf-8")
        one, two, three, four = response.json()
        assert (one["data"], three["data"]) == ({"__typename": "Query"}, {"__typename": "Query"})
        codes = [[error["extensions"]["code"] for error in each["errors"]] for each in (two, four)]
        assert codes == [["GRAPHQL_PARSE_FAILED"], ["UNAUTHENTICATED"]]


async def test_a_status_that_all_share_is_that_of_the_batch(school: RunningSchool) -> None:
    async with listening(school) as served:
        refused = {"query": "{ classrooms { nodes { id } } }"}
        response = await sent(served.url, [refused, refused], "application/json")
        assert response.status_code == 401
        assert len(response.json()) == 2
        assert (await sent(served.url, [{"query": "{"}] * 2)).status_code == 400
        assert (await sent(served.url, [{"query": "{"}] * 2, "application/json")).status_code == 200


@pytest.mark.parametrize(
    ("limit", "sentence"), [(0, "Send one operation a request."), (1, "A request holds at most 1 operations.")]
)
async def test_threat_7_a_batch_beyond_the_setting_is_refused_whole(
    school: RunningSchool, limit: int, sentence: str
) -> None:
    async with listening(school, batch_limit=limit) as served:
        response = await sent(served.url, [{"query": "{ __typename }"}] * 2)
        assert response.status_code == 400
        assert refusal(response)[:2] == ("BATCH_NOT_ALLOWED", sentence)

"""Has each answer the status of the edition of GraphQL over HTTP that the settings name?"""

from __future__ import annotations

import httpx
import pytest

from tests.listening import listening
from tests.running_school import RunningSchool

KINDS = ("application/json", "application/graphql-response+json")
PARTLY = "{ viewer { name engagement(days: 91) { date } } }"


@pytest.mark.parametrize(
    ("query", "today", "of_2026"),
    [
        ("{ __typename }", (200, 200), 200),
        (PARTLY, (200, 200), 294),
        ("{", (200, 400), 400),
        ("{ shoeSize }", (200, 400), 422),
        ("query A { __typename } query B { __typename }", (200, 400), 422),
        ("query ($n: Int!) { viewer { engagement(days: $n) { date } } }", (200, 400), 422),
        ("{ classrooms(first: 1000) { nodes { id } } }", (200, 400), 422),
        ("", (400, 400), 400),
    ],
)
async def test_the_status_of_an_answer(school: RunningSchool, query: str, today: tuple[int, int], of_2026: int) -> None:
    token = await school.token("teacher")
    for spec, expected in (("2025", today), ("2026", (of_2026, of_2026))):
        async with listening(school, http_spec=spec) as served, httpx.AsyncClient(trust_env=False) as client:
            for kind, status in zip(KINDS, expected, strict=True):
                headers = {"accept": kind, "authorization": f"Bearer {token}"}
                response = await client.post(served.url, json={"query": query}, headers=headers)
                assert (spec, kind, response.status_code) == (spec, kind, status)
                assert response.headers["content-type"] == f"{kind}; charset=utf-8"


async def test_who_may_not_ask_is_401_in_every_edition(school: RunningSchool) -> None:
    async with listening(school, http_spec="2026") as served, httpx.AsyncClient(trust_env=False) as client:
        response = await client.post(served.url, json={"query": "{ classrooms { nodes { id } } }"})
        assert response.status_code == 401

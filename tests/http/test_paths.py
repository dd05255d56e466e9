"""Do the other paths answer as they should: the page, its files, and a coded refusal for what is not there?"""

from __future__ import annotations

import pytest

from tests.http.refusals import refusal
from tests.running_school import RunningSchool


@pytest.mark.parametrize(
    "path",
    ["/nope", "/graphql/x", "/objects/", "/objects/a/b", "/explorer/nope.js", "/explorer/../app.py", "/.git", "/%00"],
)
async def test_an_unknown_path_is_404_as_json(school: RunningSchool, path: str) -> None:
    response = await school.http.get(path)
    assert response.status_code == 404
    assert refusal(response)[:2] == ("NOT_FOUND", "Not Found.")
    assert response.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("path", ["/", "/explorer/icon.svg"])
async def test_a_wrong_method_is_405_as_json(school: RunningSchool, path: str) -> None:
    response = await school.http.post(path)
    assert response.status_code == 405
    assert refusal(response).code == "METHOD_NOT_ALLOWED"


async def test_the_front_leads_to_the_explorer(school: RunningSchool) -> None:
    response = await school.http.get("/")
    assert (response.status_code, response.headers["location"]) == (307, "/graphql")


async def test_a_browser_gets_the_page_which_may_load_nothing_from_elsewhere(school: RunningSchool) -> None:
    response = await school.http.get("/graphql", headers={"accept": "text/html,application/xhtml+xml,*/*;q=0.8"})
    assert response.status_code == 200
    assert response.headers["content-type"] == "text/html; charset=utf-8"
    assert response.headers["content-security-policy"] == (
        "default-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'; object-src 'none'"
    )
    assert response.headers["x-content-type-options"] == "nosniff"
    assert response.headers["referrer-policy"] == "no-referrer"
    assert response.headers["cache-control"] == "no-store"
    assert response.headers["vary"] == "Accept"
    assert "<title>" in response.text


async def test_a_browser_that_sends_a_query_gets_its_answer(school: RunningSchool) -> None:
    browser = {"accept": "text/html,*/*;q=0.8"}
    response = await school.http.get("/graphql", params={"query": "{ __typename }"}, headers=browser)
    assert response.json() == {"data": {"__typename": "Query"}}

"""Whose pages may ask? A page of an allowed origin works, one of a foreign origin gets nothing. (Threats 14, 15.)"""

from __future__ import annotations

import pytest

from graph.app import application
from graph.http.origins import Origins
from graph.settings import Settings, SettingsError, load
from tests.http.refusals import refusal
from tests.running_school import RunningSchool

NAME = {"query": "{ __typename }"}
HERE = "http://school.test"


@pytest.mark.parametrize(
    ("origin", "admitted"),
    [
        (None, True),
        (HERE, True),
        ("https://app.school.org", True),
        ("https://APP.school.org", True),
        ("http://localhost:5173", True),
        ("http://localhost", True),
        ("http://[::1]:3000", True),
        ("http://app.school.org", False),
        ("https://app.school.org:8443", False),
        ("https://app.school.org.evil.test", False),
        ("https://evil.test", False),
        ("http://localhost.evil.test", False),
        ("http://localhost:80evil", False),
        ("http://localhost:", False),
        ("https://localhost:5173", False),
        ("null", False),
        ("", False),
        ("file://", False),
        ("moz-extension://school.test", False),
    ],
)
def test_an_origin_is_admitted_by_the_list_or_as_the_host_that_is_asked(origin: str | None, admitted: bool) -> None:
    origins = Origins(["https://app.school.org", "http://localhost:*", "http://[::1]:*"], "http://127.0.0.1:8000")
    assert origins.admits(origin, "school.test") is admitted


def test_in_development_whatever_this_machine_serves_may_ask_and_in_production_our_own_pages_alone() -> None:
    development, production = Settings(), Settings(env="production", public_url="https://graph.school.org")
    assert development.origins == ("http://localhost:*", "http://127.0.0.1:*")
    ours = Origins(production.origins, production.base_url)
    assert ours.admits("https://graph.school.org", "10.0.0.7:8000")
    assert not ours.admits("http://localhost:3000", "10.0.0.7:8000")


@pytest.mark.parametrize("wrong", ["*", "app.school.org", "https://app.school.org/", "https://*.school.org"])
def test_what_is_no_origin_stops_the_start(monkeypatch: pytest.MonkeyPatch, wrong: str) -> None:
    monkeypatch.setenv("STUDYGRAPH_ALLOWED_ORIGINS", f"https://app.school.org, {wrong}")
    with pytest.raises(SettingsError, match=r"^STUDYGRAPH_ALLOWED_ORIGINS holds .*, which is no origin: "):
        load()


async def test_a_page_of_an_allowed_origin_asks_and_reads(school: RunningSchool) -> None:
    asks = {
        "origin": "http://localhost:5173",
        "access-control-request-method": "POST",
        "access-control-request-headers": "content-type, authorization, x-studygraph-ledger",
    }
    before = await school.http.options("/graphql", headers=asks)
    assert before.status_code == 204
    assert before.headers["access-control-allow-origin"] == "http://localhost:5173"
    assert before.headers["access-control-allow-methods"] == "GET, POST, OPTIONS"
    assert before.headers["access-control-allow-headers"] == "content-type, authorization, x-studygraph-ledger"
    answer = await school.http.post("/graphql", json=NAME, headers={"origin": "http://localhost:5173"})
    assert answer.json()["data"] == {"__typename": "Query"}
    assert answer.headers["access-control-allow-origin"] == "http://localhost:5173"
    assert "access-control-allow-credentials" not in answer.headers
    assert "Origin" in answer.headers["vary"]


async def test_what_a_page_is_refused_it_may_read_too(school: RunningSchool) -> None:
    answer = await school.http.post("/graphql", json={}, headers={"origin": HERE})
    assert refusal(answer).code == "BAD_REQUEST"
    assert answer.headers["access-control-allow-origin"] == HERE


@pytest.mark.parametrize("origin", ["https://evil.test", "null"])
async def test_a_page_of_a_foreign_origin_gets_nothing(school: RunningSchool, origin: str) -> None:
    preflight = {"origin": origin, "access-control-request-method": "POST"}
    for path in ("/graphql", "/healthz", "/objects/x"):
        response = await school.http.options(path, headers=preflight)
        assert (response.status_code, refusal(response).code) == (400, "CSRF")
        assert "access-control-allow-origin" not in response.headers
    for response in (
        await school.http.post("/graphql", json=NAME, headers={"origin": origin}),
        await school.http.post("/graphql", data={"query": "{ __typename }"}, headers={"origin": origin}),
        await school.http.get("/graphql", params=NAME, headers={"origin": origin}),
        await school.http.get("/readyz", headers={"origin": origin}),
    ):
        assert (response.status_code, refusal(response).code) == (400, "CSRF")
        assert response.json()["errors"][0]["message"] == "Pages of this origin may not ask here."
        assert "access-control-allow-origin" not in response.headers


async def test_a_get_that_brings_cookies_alone_is_refused(school: RunningSchool) -> None:
    cookies = {"cookie": "session=1"}
    response = await school.http.get("/graphql", params=NAME, headers=cookies)
    assert (response.status_code, refusal(response).code) == (400, "CSRF")
    for header in ("graphql-require-preflight", "apollo-require-preflight", "x-apollo-operation-name"):
        response = await school.http.get("/graphql", params=NAME, headers={**cookies, header: "1"})
        assert response.json()["data"] == {"__typename": "Query"}


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
@pytest.mark.parametrize("place", ["image", "script", "iframe", "empty"])
async def test_what_a_foreign_page_embeds_is_not_run(school: RunningSchool, site: str, place: str) -> None:
    embedded = {"sec-fetch-site": site, "sec-fetch-dest": place, "sec-fetch-mode": "no-cors"}
    response = await school.http.get("/graphql", params=NAME, headers=embedded)
    assert (response.status_code, refusal(response).code) == (400, "CSRF")
    assert (
        response.json()["errors"][0]["message"]
        == "Send the header GraphQL-Require-Preflight with this kind of request."
    )


@pytest.mark.parametrize(
    "harmless",
    [
        {"sec-fetch-site": "same-origin", "sec-fetch-dest": "empty"},
        {"sec-fetch-site": "none", "sec-fetch-dest": "document"},
        # Somebody follows a link, and sees what comes.
        {"sec-fetch-site": "cross-site", "sec-fetch-dest": "document"},
        # The page of an admitted origin asks, and says so.
        {"sec-fetch-site": "cross-site", "sec-fetch-dest": "empty", "origin": "http://localhost:5173"},
    ],
)
async def test_a_get_that_no_foreign_page_embeds_is_answered(school: RunningSchool, harmless: dict[str, str]) -> None:
    response = await school.http.get("/graphql", params=NAME, headers=harmless)
    assert response.json()["data"] == {"__typename": "Query"}


async def test_every_answer_carries_what_keeps_browsers_safe(school: RunningSchool) -> None:
    for path in ("/healthz", "/nowhere", "/objects/x", "/"):
        response = await school.http.get(path)
        assert response.headers["x-content-type-options"] == "nosniff"
        assert response.headers["referrer-policy"] == "no-referrer"
        assert response.headers["x-frame-options"] == "DENY"
        assert "strict-transport-security" not in response.headers
        policy = response.headers["content-security-policy"]
        assert policy.startswith("default-src 'none'")
        assert "frame-ancestors" in policy or "sandbox" in policy
    page = await school.http.get("/graphql", headers={"accept": "text/html"})
    policy = page.headers["content-security-policy"]
    assert policy.startswith("default-src 'self'; frame-ancestors 'none'")
    assert "unsafe-eval" not in policy
    assert "script-src" not in policy
    assert page.headers["x-frame-options"] == "DENY"


async def test_behind_https_browsers_are_told_to_stay_there(school: RunningSchool) -> None:
    settings = school.settings.model_copy(update={"public_url": "https://graph.school.org"})
    app = application(settings, None)  # type: ignore[arg-type]
    assert app.graphql._always == [(b"strict-transport-security", b"max-age=31536000")]

"""Does the answer come in the media type that the client wants, and with the status that the type promises?"""

from __future__ import annotations

import pytest

from graph.errors import RequestError
from graph.http.negotiation import GRAPHQL_RESPONSE, JSON, response_type, wants_page
from tests.http.refusals import refusal
from tests.running_school import RunningSchool

FINE = "{ __typename }"
WRONG = "{ nope }"


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        (None, JSON),
        ("", JSON),
        ("*/*", JSON),
        ("application/*", JSON),
        ("application/json", JSON),
        ("APPLICATION/JSON", JSON),
        ("application/json; charset=utf-8", JSON),
        ("text/html, application/xhtml+xml, */*;q=0.8", JSON),
        ("application/graphql-response+json", GRAPHQL_RESPONSE),
        ("Application/GraphQL-Response+JSON", GRAPHQL_RESPONSE),
        ("application/graphql-response+json, application/json;q=0.9", GRAPHQL_RESPONSE),
        ("application/graphql-response+json;q=0.5, application/json;q=0.9", JSON),
        ("application/graphql-response+json;q=0.5, */*;q=0.1", GRAPHQL_RESPONSE),
        ("application/graphql-response+json;q=0, */*", JSON),
        ("application/json;q=0, */*, application/graphql-response+json;q=0.1", GRAPHQL_RESPONSE),
        # urql and Apollo Client 4, word for word.
        (
            "application/graphql-response+json, application/graphql+json, application/json, text/event-stream, "
            "multipart/mixed",
            GRAPHQL_RESPONSE,
        ),
        ("application/graphql-response+json,application/json;q=0.9", GRAPHQL_RESPONSE),
    ],
)
def test_the_type_with_the_highest_weight_is_answered(accept: str | None, kind: str) -> None:
    assert response_type(accept) == kind


@pytest.mark.parametrize("accept", ["text/html", "image/*", "application/json;q=0", "application/json;q=x"])
def test_nothing_else_can_be_had(accept: str) -> None:
    with pytest.raises(RequestError, match=r"Answers come as application/graphql-response\+json or application/json"):
        response_type(accept)


@pytest.mark.parametrize(
    ("accept", "page"),
    [
        ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", True),
        ("text/html", True),
        ("*/*", False),
        ("application/json, text/html;q=0.9", False),
        (None, False),
    ],
)
def test_browsers_want_the_page(accept: str | None, page: bool) -> None:
    assert wants_page(accept) is page


async def test_406_is_json_with_a_code(school: RunningSchool) -> None:
    response = await school.post(FINE, accept="text/html")
    assert response.status_code == 406
    assert response.headers["content-type"] == "application/json; charset=utf-8"
    assert refusal(response).code == "NOT_ACCEPTABLE"


@pytest.mark.parametrize("kind", [JSON, GRAPHQL_RESPONSE])
async def test_every_answer_says_what_it_is_and_is_kept_by_nobody(school: RunningSchool, kind: str) -> None:
    for query in (FINE, WRONG):
        response = await school.post(query, accept=kind)
        assert response.headers["content-type"] == f"{kind}; charset=utf-8"
        assert response.headers["vary"] == "Accept, Origin"
        assert response.headers["cache-control"] == "no-store"
        assert response.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    ("query", "variables"),
    [
        ("{", {}),
        (WRONG, {}),
        ("query A { __typename } query B { __typename }", {}),
        ("query ($yes: Boolean!) { __typename @include(if: $yes) }", {}),
        ("query ($yes: Boolean!) { __typename @include(if: $yes) }", {"yes": "x"}),
    ],
)
async def test_a_wrong_document_or_variable_is_400_to_those_who_look_at_statuses(
    school: RunningSchool, query: str, variables: dict[str, str]
) -> None:
    told = await school.post(query, variables, accept=GRAPHQL_RESPONSE)
    classic = await school.post(query, variables, accept=JSON)
    assert (told.status_code, classic.status_code) == (400, 200)
    assert told.json() == classic.json()
    refusal(told)


@pytest.mark.parametrize("first", [0, 1000])
async def test_a_refusal_by_the_guard_is_400_to_those_who_look_at_statuses(school: RunningSchool, first: int) -> None:
    query = "query ($first: Int) { classrooms(first: $first) { nodes { id } } }"
    told = await school.post(query, {"first": first}, "teacher", accept=GRAPHQL_RESPONSE)
    classic = await school.post(query, {"first": first}, "teacher", accept=JSON)
    assert (told.status_code, classic.status_code) == (400, 200)
    assert refusal(told).code == refusal(classic).code == "PAGE_SIZE"


@pytest.mark.parametrize("kind", [JSON, GRAPHQL_RESPONSE])
async def test_an_answer_with_data_is_200_whatever_failed_in_it(school: RunningSchool, kind: str) -> None:
    response = await school.post('{ classroom(id: "x") { id } viewer { id } }', None, "teacher", accept=kind)
    assert response.status_code == 200
    body = response.json()
    assert body["data"]["classroom"] is None
    assert body["data"]["viewer"] == {"id": school.ids["teacher"]}
    assert [error["extensions"]["code"] for error in body["errors"]] == ["NOT_FOUND"]


@pytest.mark.parametrize("kind", [JSON, GRAPHQL_RESPONSE])
async def test_without_an_account_it_is_401_under_either_type(school: RunningSchool, kind: str) -> None:
    response = await school.post("{ classrooms { nodes { id } } }", accept=kind)
    assert response.status_code == 401
    assert response.headers["www-authenticate"] == "Bearer"
    assert refusal(response)[:2] == ("UNAUTHENTICATED", "Log in first: this needs a valid access token.")


async def test_head_is_answered_as_get_is(school: RunningSchool) -> None:
    response = await school.http.head("/graphql", params={"query": FINE})
    assert response.status_code == 200
    assert response.headers["content-type"] == "application/json; charset=utf-8"

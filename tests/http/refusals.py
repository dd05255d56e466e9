"""What does a refusal look like? Every one has a sentence and a code, and gives nothing of the machine away."""

from __future__ import annotations

from typing import Any, NamedTuple

import httpx

from graph.http.admission import Admission
from graph.http.endpoint import GraphQLEndpoint
from graph.http.origins import Origins
from graph.http.peers import Peers

FOREIGN = ("Traceback", 'File "', "/site-packages/", "asyncpg", "pymongo", "sqlalchemy", "select ", "0x7f")


class Refusal(NamedTuple):
    """One error of a response."""

    code: str
    message: str
    path: list[Any] | None


def refusals(response: httpx.Response) -> list[Refusal]:
    """The errors of a response that is well-formed, in words that a client can use."""
    assert not [word for word in FOREIGN if word in response.text]
    assert response.headers["content-type"].split(";")[0] in ("application/json", "application/graphql-response+json")
    found = []
    for error in response.json()["errors"]:
        assert set(error) <= {"message", "locations", "path", "extensions"}
        assert error["message"].endswith((".", "'", '"', "?")) or "represent" in error["message"]
        found.append(Refusal(error["extensions"]["code"], error["message"], error.get("path")))
    return found


def refusal(response: httpx.Response) -> Refusal:
    """The one error of a response that has no data."""
    (only,) = refusals(response)
    assert "data" not in response.json()
    return only


def failure(response: httpx.Response) -> Refusal:
    """The one error of an answer that has data beside it."""
    (only,) = refusals(response)
    assert response.status_code == 200
    assert "data" in response.json()
    assert only.path is not None
    return only


def alone() -> GraphQLEndpoint:
    """An endpoint without an application around it, and without a page."""
    admission = Admission(most=1, queue=0, most_sockets=0)
    origins = Origins((), "http://school.test")
    return GraphQLEndpoint(page=no_page, admission=admission, origins=origins, peers=Peers())


async def no_page(asked: dict[str, str]) -> None:
    """An endpoint's page that is not there."""

"""Does somebody who may not know of a record learn anything from asking? The same bytes as for one that never was."""

from __future__ import annotations

import base64
from typing import Final

import pytest
import pytest_asyncio

from datadir.redis.keys import session_record
from graph.ids import encode
from graph.types.node import Node
from tests.queries.triple import HERE, Triple
from tests.running_school import RunningSchool

NEVER: Final = {"Activity": "0" * 24, "Transcript": "0" * 24, "TranscriptSegment": "0" * 24 + ":0"}
# Whoever sees it, where that is not the teacher.
SEEN_BY: Final = {"Activity": "admin", "AuditEntry": "admin"}
# A record of each type that the teacher may see, and the outsider may not know of.
HIDDEN: Final = Triple(HERE / "governance" / "one_of_each_type_outsider.graphql")


def type_of(id_: str) -> str:
    return base64.b64decode(id_).decode().partition(":")[0]


@pytest_asyncio.fixture(scope="module")
async def hidden(school: RunningSchool) -> dict[str, str]:
    """The ids of those records by their types; the teacher's session has none before they log in."""
    claims = school.services.tokens.verified(await school.token("teacher"))
    session = encode("Session", session_record(claims.session_id))
    await school.ask("{ users(first: 2) { nodes { name } } }", account="admin")
    found = await school.ask("{ auditLog(first: 1) { nodes { id } } }", account="admin")
    entry = found["data"]["auditLog"]["nodes"][0]["id"]
    return {type_of(each): each for each in [*HIDDEN.variables(school.ids)["ids"], session, entry]}


def test_there_is_a_record_of_each_type(hidden: dict[str, str]) -> None:
    assert sorted(hidden) == sorted(kind.__name__ for kind in Node.__subclasses__())


@pytest.mark.parametrize(
    "query",
    [
        "query ($id: ID!) { node(id: $id) { __typename id } }",
        "query ($id: ID!) { nodes(ids: [$id]) { __typename id } }",
        "query ($id: ID!) { classroom(id: $id) { id name joinCode teacher { name } } }",
    ],
)
async def test_hidden_and_unknown_are_one(school: RunningSchool, hidden: dict[str, str], query: str) -> None:
    for type_name, id_ in hidden.items():
        unknown = encode(type_name, NEVER.get(type_name, "00000000-0000-4000-8000-000000000000"))
        answers = [await school.post(query, {"id": each}, "outsider") for each in (id_, unknown)]
        assert answers[0].content == answers[1].content
        assert answers[0].headers == answers[1].headers
        assert answers[0].json()["errors"][0]["extensions"] == {"code": "NOT_FOUND"}
        # And it is there: somebody sees it.
        viewer = SEEN_BY.get(type_name, "teacher")
        seen = await school.ask("query ($id: ID!) { node(id: $id) { id } }", {"id": id_}, viewer)
        assert seen["data"]["node"] == {"id": id_}


async def test_hidden_and_unknown_cost_the_same_store_calls(school: RunningSchool, hidden: dict[str, str]) -> None:
    query = "query ($id: ID!) { node(id: $id) { id } }"
    for type_name, id_ in hidden.items():
        unknown = encode(type_name, NEVER.get(type_name, "00000000-0000-4000-8000-000000000000"))
        ledgers = [
            (await school.ask(query, {"id": each}, "outsider"))["extensions"]["ledger"] for each in (id_, unknown)
        ]
        calls = [{store: entry["calls"] for store, entry in ledger.items()} for ledger in ledgers]
        assert calls[0] == calls[1]


@pytest.mark.parametrize("name", ["classroom", "chunk"])
async def test_a_record_has_one_id(school: RunningSchool, name: str) -> None:
    id_ = school.ids[name]
    key = base64.b64decode(id_).decode().partition(":")[2]
    others = [encode(type_of(id_), each) for each in (key.upper(), key.replace("-", ""), f"{{{key}}}")]
    spellings = [id_, *others, f" {id_}", id_.rstrip("=") + "\n"]
    answer = await school.ask("query ($ids: [ID!]!) { nodes(ids: $ids) { id } }", {"ids": spellings})
    assert answer["data"]["nodes"] == [{"id": id_}, None, None, None, None, None]
    assert [error["path"] for error in answer["errors"]] == [["nodes", number] for number in range(1, 6)]

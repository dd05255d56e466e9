"""Does every operation of the contract that has landed answer its sender, and refuse the others with their code?

`operations/` holds a copy of those operations and of who sends what; `$name` is an id of the demo.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from graphql import OperationDefinitionNode, parse, print_ast, validate

from graph.app import Answer
from graph.schema import graphql_schema
from tests.live.following import first
from tests.running_school import RunningSchool

OPERATIONS = Path(__file__).parent / "operations"
EXAMPLES: dict[str, dict[str, Any]] = json.loads((OPERATIONS / "examples.json").read_text(encoding="utf-8"))


class Sent(NamedTuple):
    """An operation, who sends it, and the code that this sender gets; None for an answer."""

    name: str
    sender: str
    code: str | None


def documents() -> dict[str, str]:
    """The operations by their names."""
    nodes = [
        node
        for path in sorted(OPERATIONS.glob("*.graphql"))
        for node in parse(path.read_text(encoding="utf-8")).definitions
        if isinstance(node, OperationDefinitionNode)
    ]
    return {node.name.value: print_ast(node) for node in nodes if node.name is not None}


DOCUMENTS = documents()
SENT = [
    Sent(name, sender, code)
    for name, example in EXAMPLES.items()
    for sender, code in [(example["as"], None), *example.get("refused", {}).items()]
]


def variables(name: str, ids: dict[str, str]) -> dict[str, Any]:
    """The variables of an operation, with the ids of the demo."""

    def filled(value: Any) -> Any:
        if isinstance(value, str) and value.startswith("$"):
            return ids[value[1:]]
        if isinstance(value, list):
            return [filled(each) for each in value]
        return {key: filled(each) for key, each in value.items()} if isinstance(value, dict) else value

    found: dict[str, Any] = filled(EXAMPLES[name]["variables"])
    return found


async def answered(school: RunningSchool, name: str, account: str | None) -> Answer:
    """The answer over HTTP; of a subscription what its stream says first."""
    document, given = DOCUMENTS[name], variables(name, school.ids)
    if document.startswith("subscription"):
        return await first(school, document, given, token=await school.token(account) if account else None)
    response = await school.post(document, given, account)
    return Answer(response.json(), response.status_code)


def test_there_is_an_example_for_each() -> None:
    assert sorted(DOCUMENTS) == sorted(EXAMPLES)


@pytest.mark.parametrize("name", sorted(DOCUMENTS))
def test_the_schema_knows_all_that_is_asked_for(name: str) -> None:
    assert validate(graphql_schema(), parse(DOCUMENTS[name])) == []


@pytest.mark.parametrize("sent", SENT, ids=lambda sent: f"{sent.name}-{sent.sender}")
async def test_it_answers_its_sender_and_refuses_the_others(sent: Sent, school: RunningSchool) -> None:
    account = None if sent.sender == "anonymous" else sent.sender
    answer = await answered(school, sent.name, account)
    body = answer.body
    if sent.code is None:
        assert answer.status == 200
        assert "errors" not in body
        assert None not in body["data"].values()
        return
    assert [error["extensions"]["code"] for error in body["errors"]] == [sent.code]
    if sent.code == "UNAUTHENTICATED":
        assert answer.status == 401
        assert "data" not in body
    else:
        assert set(body["data"].values()) == {None}

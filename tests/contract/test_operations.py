"""Does every operation of the contract that has landed answer its sender, and refuse the others with their code?

`operations/` holds a copy of those operations and of who sends what; `$name` is an id of the demo, or what the sender
has made just before: another session, a refresh token, the token of a letter. What changes something is sent to a
school of its own, where the accounts of the demo are put back after each.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import pytest_asyncio
from graphql import OperationDefinitionNode, parse, print_ast, validate

from datadir.redis import keys
from datadir.scope import SYSTEM
from graph.app import Answer
from graph.ids import encode
from graph.schema import graphql_schema
from resolvers.demo.named import NAMED
from resolvers.demo.roster import PASSWORD
from tests.accounts.picture_files import picture
from tests.accounts.somebody import Somebody
from tests.accounts.test_passwords import asked_for
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


def changes_something(name: str) -> bool:
    """Whether an operation leaves a school other than it was."""
    return DOCUMENTS[name].startswith("mutation")


@pytest_asyncio.fixture
async def put_back(changing_school: RunningSchool) -> AsyncIterator[RunningSchool]:
    """A school in which the accounts of the demo are as they were afterwards."""
    postgresql = changing_school.services.stores.postgresql
    columns = "password_hash, name, avatar_url, role, is_active"
    async with postgresql.transaction(SYSTEM) as tx:
        before = [tuple(row) for row in await tx.fetch(f"select id, {columns} from users")]
    yield changing_school
    async with postgresql.transaction(SYSTEM) as tx:
        await tx.executemany(f"update users set ({columns}) = ($2, $3, $4, $5, $6) where id = $1", before)
        await tx.execute("delete from users where email = 'new.person@demo.school'")


async def made_before(name: str, student: Somebody) -> dict[str, str]:
    """What an example needs that no school has: made by the student just before."""
    needed = json.dumps(EXAMPLES[name]["variables"])
    found: dict[str, str] = {}
    if '"$session"' in needed:
        found["session"] = encode("Session", keys.session_record((await student.logged_in()).session_id))
    if '"$refreshToken"' in needed:
        found["refreshToken"] = student.refresh
    if '"$resetToken"' in needed:
        found["resetToken"] = await asked_for(student)
    return found


async def changed(school: RunningSchool, name: str, account: str | None) -> Answer:
    """The answer to somebody who has just logged in."""
    student = await Somebody(school, "student@demo.school", PASSWORD).logged_in()
    given = variables(name, school.ids | await made_before(name, student))
    headers: dict[str, str] = {}
    if account is not None:
        sender = await Somebody(school, NAMED.accounts[account], PASSWORD).logged_in()
        headers["authorization"] = f"Bearer {sender.access}"
    if name == "UploadAvatar":
        response = await school.post_file(DOCUMENTS[name], given, "input.file", picture(), **headers)
    else:
        response = await school.post(DOCUMENTS[name], given, **headers)
    return Answer(response.json(), response.status_code)


def test_there_is_an_example_for_each() -> None:
    assert sorted(DOCUMENTS) == sorted(EXAMPLES)


@pytest.mark.parametrize("name", sorted(DOCUMENTS))
def test_the_schema_knows_all_that_is_asked_for(name: str) -> None:
    assert validate(graphql_schema(), parse(DOCUMENTS[name])) == []


def _named(sent: Sent) -> str:
    return f"{sent.name}-{sent.sender}"


@pytest.mark.parametrize("sent", [each for each in SENT if not changes_something(each.name)], ids=_named)
async def test_it_answers_its_sender_and_refuses_the_others(sent: Sent, school: RunningSchool) -> None:
    account = None if sent.sender == "anonymous" else sent.sender
    judge(sent, await answered(school, sent.name, account))


@pytest.mark.parametrize("sent", [each for each in SENT if changes_something(each.name)], ids=_named)
async def test_it_does_what_its_sender_asks_and_refuses_the_others(sent: Sent, put_back: RunningSchool) -> None:
    account = None if sent.sender == "anonymous" else sent.sender
    answer = await changed(put_back, sent.name, account)
    judge(sent, answer)
    if sent.code is None:
        assert [payload["errors"] for payload in answer.body["data"].values()] == [[]]
        assert None not in [value for payload in answer.body["data"].values() for value in payload.values()]


def judge(sent: Sent, answer: Answer) -> None:
    """An answer is what the example says."""
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

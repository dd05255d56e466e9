"""Do the program, its documentation and the contract know the same error codes, and are the examples true?"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple

import pytest
from graphql import GraphQLEnumType

import graph.errors
from graph.app import Graph
from graph.http.envelope import Envelope
from graph.schema import graphql_schema
from tests.running_school import RunningSchool, unpriced

ROOT: Final = Path(__file__).parents[2]
CONTRACT: Final = {
    line
    for line in (ROOT / "tests" / "contract" / "codes.txt").read_text(encoding="utf-8").splitlines()
    if not line.startswith("#")
}
# Where a code stands in a call: which argument of which function.
CALLS: Final = {"RequestError": 0, "Refused": 0, "failure": 0, "coded": 1}
TABLES: Final = {"_CODES", "RULES"}
_CODE: Final = re.compile(r"[A-Z]+(_[A-Z]+)*")
_PLACEHOLDER: Final = re.compile(r"\{(teacher|student|outsider|classroom)\}")


class Request(NamedTuple):
    """One request of an example."""

    method: str
    path: str
    headers: dict[str, str]
    body: str


class Section(NamedTuple):
    """What the documentation says of one code."""

    code: str
    status: int | None
    examples: list[tuple[Request | None, Any]]


def documented() -> Iterator[Section]:
    """The headings of docs/errors.md with their examples."""
    text = (ROOT / "docs" / "errors.md").read_text(encoding="utf-8")
    for heading, below in re.findall(r"^### ([A-Z_]+)\n(.*?)(?=^##|\Z)", text, re.MULTILINE | re.DOTALL):
        status = re.search(r"^HTTP (\d{3})", below, re.MULTILINE)
        blocks = re.findall(r"(?:^```http\n(.*?)\n```\n+)?^```json\n(.*?)\n```$", below, re.MULTILINE | re.DOTALL)
        examples = [(_request(http) if http else None, json.loads(answer)) for http, answer in blocks]
        yield Section(heading, int(status[1]) if status else None, examples)


def _request(text: str) -> Request:
    head, _, body = text.partition("\n\n")
    first, *headers = head.splitlines()
    method, path = first.split(" ")
    found = dict(header.split(": ", 1) for header in headers)
    # The lines of a form end as those of headers do.
    form = found.get("Content-Type", "").startswith("multipart/form-data")
    return Request(method, path, found, body.replace("\n", "\r\n") + "\r\n" if form else body)


def raised() -> set[str]:
    """The codes that stand in the program where an error gets its code."""
    found: set[str] = set()
    for room in ("graph", "resolvers"):
        for path in (ROOT / room).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                for expression in _codes(node):
                    constants = [each.value for each in ast.walk(expression) if isinstance(each, ast.Constant)]
                    found.update(each for each in constants if isinstance(each, str) and _CODE.fullmatch(each))
    return found


def _codes(node: ast.AST) -> Iterator[ast.expr]:
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in CALLS:
        yield from node.args[CALLS[node.func.id] :][:1]
    if isinstance(node, ast.Dict):
        yield from (
            value
            for key, value in zip(node.keys, node.values, strict=True)
            if isinstance(key, ast.Constant) and key.value == "code"
        )
    if isinstance(node, (ast.Assign, ast.AnnAssign)) and node.value is not None:
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        names = {target.id for target in targets if isinstance(target, ast.Name)}
        if "code" in names:
            yield node.value
        if names & TABLES and isinstance(node.value, ast.Dict):
            yield from node.value.values
        if names & TABLES and isinstance(node.value, ast.Tuple):
            yield from node.value.elts


SECTIONS: Final = list(documented())
ERRORS: Final = [section for section in SECTIONS if section.status is not None]
PAYLOADS: Final = [section for section in SECTIONS if section.status is None]
RUNNABLE: Final = [
    (section, request, answer) for section in SECTIONS for request, answer in section.examples if request is not None
]


def test_every_code_that_can_be_raised_is_of_the_contract() -> None:
    assert raised() <= CONTRACT


def test_every_code_that_can_be_raised_has_its_heading_and_no_other_has_one() -> None:
    assert len(ERRORS) > 20
    assert sorted(section.code for section in ERRORS) == sorted(raised())


def test_the_family_is_drawn_with_every_code_and_its_status() -> None:
    drawn = re.findall(r"\b([A-Z]+(?:_[A-Z]+)*) (\d{3})\b", graph.errors.__doc__ or "")
    assert sorted((code, int(status)) for code, status in drawn) == sorted(
        (section.code, section.status) for section in ERRORS
    )


def test_every_payload_code_has_its_heading_and_no_other_has_one() -> None:
    codes = {
        name
        for kind in graphql_schema().type_map.values()
        if isinstance(kind, GraphQLEnumType) and kind.name.endswith("ErrorCode")
        for name in kind.values
    }
    assert {section.code for section in PAYLOADS} == codes


@pytest.mark.parametrize("section", SECTIONS, ids=lambda section: section.code)
def test_every_heading_has_an_example_of_its_code(section: Section) -> None:
    assert section.examples
    for _, answer in section.examples:
        shown = [error["extensions"] for error in answer.get("errors", ())]
        for payload in (answer.get("data") or {}).values() if section.status is None else ():
            shown += payload["errors"]
        assert {each["code"] for each in shown} == {section.code}


@pytest.mark.parametrize(
    ("section", "request_", "answer"), RUNNABLE, ids=[f"{section.code}" for section, _, _ in RUNNABLE]
)
async def test_an_example_is_what_happens(
    school: RunningSchool, section: Section, request_: Request, answer: dict[str, Any]
) -> None:
    values = {name: await school.token(name) for name in ("teacher", "student", "outsider")}
    values["classroom"] = school.ids["classroom"]

    def filled(text: str) -> str:
        return _PLACEHOLDER.sub(lambda match: values[match[1]], text)

    headers = {"accept": "application/graphql-response+json", "content-type": "application/json"}
    headers |= {name.lower(): filled(value) for name, value in request_.headers.items()}
    body = filled(request_.body).encode()
    response = await school.http.request(request_.method, request_.path, content=body, headers=headers)
    assert response.json() == answer
    assert response.status_code == (200 if "data" in answer else section.status)


async def test_in_production_the_schema_is_shown_to_administrators_alone(school: RunningSchool) -> None:
    production = Graph(school.services, school.settings.model_copy(update={"env": "production"}))
    looks = "query Look { __schema { queryType { name } } } query Name { __typename }"
    (section,) = [each for each in SECTIONS if each.code == "INTROSPECTION_DISABLED"]
    ((_, example),) = section.examples

    async def ask(document: str, name: str | None, account: str | None) -> Any:
        token = f"Bearer {await school.token(account)}" if account else None
        return await production.answer(Envelope(document, {}, name), authorization=token)

    for account in (None, "student", "teacher", "service"):
        refused = await ask("{ __schema { queryType { name } } }", None, account)
        assert refused.status == 400
        assert refused.body == example
        hidden = await ask('{ ...F } fragment F on Query { t: __type(name: "User") { name } }', None, account)
        assert [error["extensions"]["code"] for error in hidden.body["errors"]] == ["INTROSPECTION_DISABLED"]
        # The other operation of a document does not count.
        assert unpriced((await ask(looks, "Name", account)).body) == {"data": {"__typename": "Query"}}
    shown = (await ask(looks, "Look", "admin")).body
    assert unpriced(shown) == {"data": {"__schema": {"queryType": {"name": "Query"}}}}

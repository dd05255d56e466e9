"""Does every field show each viewer what was promised, and nothing else? The promise is `promise.txt`, by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final
from uuid import UUID

import httpx
import pytest
import pytest_asyncio
from graphql import GraphQLInterfaceType, GraphQLObjectType, get_named_type, is_leaf_type

from graph.execution.access_directive import Access
from graph.ids import encode
from graph.schema import graphql_schema
from tests.access.records import ARGUMENTS, QUESTIONS, asked, found_ids
from tests.access.viewers import VIEWERS, Eyes

SCHEMA: Final = graphql_schema()
SAID: Final = {
    "V": "a value",
    "0": "null",
    "-": "nothing to look at",
    "N": "NOT_FOUND",
    "F": "FORBIDDEN",
    "U": "UNAUTHENTICATED",
}
Promise = dict[str, dict[str, dict[str, str]]]


def _promise() -> Promise:
    """What was promised: by record, field and viewer, as one letter."""
    promise: Promise = {}
    fields: dict[str, dict[str, str]] = {}
    for line in Path(__file__).with_name("promise.txt").read_text(encoding="utf-8").splitlines():
        if line.startswith("["):
            fields = promise[line.strip("[]")] = {}
        elif line and not line.startswith("#"):
            name, *letters = line.split()
            fields[name] = dict(zip(VIEWERS, letters, strict=True))
    return promise


PROMISE: Final = _promise()


@pytest_asyncio.fixture(scope="module")
async def ids(eyes: Eyes, guest: UUID, knowledge: UUID) -> dict[str, str]:
    """The ids of the records."""
    return await found_ids(eyes) | {"knowledge": encode("Document", knowledge)}


@pytest.mark.parametrize("viewer", VIEWERS)
@pytest.mark.parametrize("record", PROMISE)
async def test_a_viewer_sees_what_was_promised(viewer: str, record: str, eyes: Eyes, ids: dict[str, str]) -> None:
    kind, _, which = record.partition(": ")
    # A question with one field that is not for everyone is refused whole to nobody: that one asks field by field.
    questions = [[name] for name in PROMISE[record]] if viewer == "anonymous" else [list(PROMISE[record])]
    seen: dict[str, str] = {}
    for names in questions:
        question = asked(record, " ".join(_selection(kind, name) for name in names), ids)
        response = await eyes.ask(viewer, question.query)
        seen |= {name: _letter(response, (*question.place, name)) for name in names}

    def sentences(letters: dict[str, str]) -> list[str]:
        asks = f"{VIEWERS[viewer].said} asks {kind} ({which}) for"
        return [f"{asks} {name}: {SAID.get(letter, letter)}" for name, letter in letters.items()]

    assert sentences(seen) == sentences({name: letters[viewer] for name, letters in PROMISE[record].items()})


def _selection(kind: str, name: str) -> str:
    """A field as it is asked for."""
    arguments = ARGUMENTS.get(f"{kind}.{name}", "")
    return f"{name}{arguments}" if is_leaf_type(_named(kind, name)) else f"{name}{arguments} {{ __typename }}"


def _named(kind: str, name: str) -> Any:
    holder = SCHEMA.type_map[kind]
    assert isinstance(holder, GraphQLObjectType | GraphQLInterfaceType)
    return get_named_type(holder.fields[name].type)


def _letter(response: httpx.Response, place: tuple[str, ...]) -> str:
    """What the answer says at a place, as the promise spells it; a code that it never speaks of stays itself."""
    letters = {said: letter for letter, said in SAID.items()}
    answer = response.json()
    errors = {
        tuple(key for key in error.get("path", ()) if isinstance(key, str)): error["extensions"]["code"]
        for error in reversed(answer.get("errors", []))
    }
    if "data" not in answer:
        return letters.get(errors[()], errors[()]) if response.status_code == 401 else f"HTTP {response.status_code}"
    value: Any = answer["data"]
    for depth, key in enumerate(place):
        if isinstance(value, list) and value:
            value = value[0]
        if not value:
            return "-"
        if code := errors.get(place[: depth + 1]):
            return letters.get(code, code)
        value = value[key]
    return "0" if value is None else "V"


def test_every_field_of_the_schema_is_in_the_promise() -> None:
    there = {
        f"{name}.{field}"
        for name, kind in SCHEMA.type_map.items()
        if isinstance(kind, GraphQLObjectType | GraphQLInterfaceType) and not name.startswith("__")
        for field in kind.fields
    }
    assert there == {f"{record.partition(':')[0]}.{name}" for record, fields in PROMISE.items() for name in fields}
    assert list(PROMISE) == list(QUESTIONS)


# What a label lets each viewer see of a record that they may see at all. `self` is somebody else here.
LABELLED: Final = {
    "PUBLIC": set(VIEWERS),
    "AUTHENTICATED": set(VIEWERS) - {"anonymous"},
    "RECORD": set(VIEWERS),
    "MEMBER": {"student", "guest", "assistant", "teacher", "admin"},
    "TEACHER": {"assistant", "teacher", "admin"},
    "SELF": {"admin"},
    "ADMIN": {"admin"},
}


def _refused(fields: dict[str, dict[str, str]]) -> set[str]:
    return {viewer for viewer in VIEWERS if all(letters[viewer] == "F" for letters in fields.values())}


@pytest.mark.parametrize("record", PROMISE)
def test_labels_say_what_the_promise_says(record: str) -> None:
    kind, _, which = record.partition(": ")
    if kind.startswith("_") or which in ("oneself", "one's own"):
        return
    holder = SCHEMA.type_map[kind]
    assert isinstance(holder, GraphQLObjectType | GraphQLInterfaceType)
    for name, letters in PROMISE[record].items():
        if name.startswith("_"):
            continue
        definition: Any = holder.fields[name].extensions["strawberry-definition"]
        [label] = [each.to.name for each in definition.directives if isinstance(each, Access)]
        # Whoever is refused every field does not get the record at all.
        known = {viewer for viewer, letter in letters.items() if letter not in "N-U"} - _refused(PROMISE[record])
        shown = {viewer for viewer, letter in letters.items() if letter in "V0"}
        concerned = {"teacher"} if which == "the teacher of the classroom" else set()
        assert shown == known & (LABELLED[label] | concerned), f"{kind}.{name} is labelled {label}"

"""Does every field show each viewer what was promised, and nothing else? The promise is `promise.txt`, by hand."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple
from uuid import UUID

import httpx
import pytest
import pytest_asyncio
from graphql import GraphQLInterfaceType, GraphQLObjectType, build_schema, is_leaf_type
from graphql.type import get_named_type

from tests.access.viewers import CLASSROOM, FELLOW, PASSWORD, VIEWERS, Eyes

HERE: Final = Path(__file__).parent
SCHEMA: Final = build_schema((HERE.parents[1] / "schema.graphql").read_text(encoding="utf-8"))
SAID: Final = {
    "V": "a value",
    "0": "null",
    "-": "nothing to look at",
    "N": "NOT_FOUND",
    "F": "FORBIDDEN",
    "U": "UNAUTHENTICATED",
}


class Record(NamedTuple):
    """What is looked at: the question that leads there, `...` where its fields stand, and its place in the answer."""

    question: str
    place: str


def one(name: str, kind: str) -> Record:
    """A record by its id."""
    return Record(f"query ($id: ID! = ${name}) {{ it: node(id: $id) {{ ... on {kind} {{ ... }} }} }}", "it")


def within(name: str, kind: str, path: str, below: str) -> Record:
    """Something below a record."""
    place = ".".join(["it", *(each.split("(")[0] for each in path.split())])
    opening = "".join(f" {{ {each}" for each in path.split())
    closing = " }" * len(path.split())
    question = f"query ($id: ID! = ${name}) {{ it: node(id: $id) {{ ... on {kind}{opening} {{ ... }}{closing} }} }}"
    return Record(question, f"{place}.0" if below == "first" else place)


LOG_IN: Final = "mutation ($email: String! = $outsiderEmail, $password: String! = {password}) {{ logIn(input: {{ email: $email, password: $password }}) {below} }}"
OWN_CLASSROOMS: Final = f'{{ classrooms(first: 1, filter: {{ name: {{ eq: "{CLASSROOM}" }} }})'

RECORDS: Final = {
    "Query: the roots": Record("query ($id: ID! = $Classroom) { ... }", ""),
    "Mutation: the roots": Record(f'mutation {{ ... }}', ""),
    "_Service: the schema": Record("{ _service { ... } }", "_service"),
    "Node: the classroom": Record("query ($id: ID! = $Classroom) { node(id: $id) { ... } }", "node"),
    "Store: any": Record("{ stores { ... } }", "stores.0"),
    "LogInPayload: a log-in": Record(f'mutation {{ logIn(input: {{ email: "{FELLOW}", password: "{PASSWORD}" }}) {{ ... }} }}', "logIn"),
    "LogInError: a wrong password": Record(f'mutation {{ logIn(input: {{ email: "{FELLOW}", password: "" }}) {{ errors {{ ... }} }} }}', "logIn.errors.0"),
}

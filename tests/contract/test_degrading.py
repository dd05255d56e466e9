"""Does each field say what becomes of it where its store fails, and is that what its type allows?"""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from graphql import (
    EnumValueNode,
    GraphQLEnumType,
    GraphQLField,
    GraphQLObjectType,
    build_schema,
    get_nullable_type,
    is_list_type,
    is_non_null_type,
)

from graph.execution.degrades_directive import Degrades as Shown
from graph.execution.edge import (
    NO_CALLS,
    POSTGRESQL,
    Edge,
    Identity,
    Leaf,
    Root,
    Stream,
    edge,
    edge_with,
    root,
    spec_of,
    stream,
)
from graph.schema import graphql_schema, sdl
from graph.types.node import Node
from loaders import Loaders, accounts, page
from resolvers.degrading import Degrades, Undeclared, degradation, degrades_with
from resolvers.operation import Operation
from tests.stores.courses import COURSES

PRINTED = build_schema(sdl(), assume_valid_sdl=True)
# What fails there is told by the value itself.
UNHARMED = {"Query.stores", "Subscription.storesLive"}
ROOTS = {"Query", "Mutation", "Subscription"}


def fields() -> Iterator[tuple[GraphQLObjectType, str, GraphQLField, Any]]:
    """Every field of ours: its type, its name, what is printed of it and how it is declared."""
    for name, kind in graphql_schema().type_map.items():
        if isinstance(kind, GraphQLObjectType) and not name.startswith("_"):
            printed: Any = PRINTED.type_map[name]
            for field_name, field in kind.fields.items():
                if not field_name.startswith("_"):
                    spec = spec_of(field.extensions["strawberry-definition"])
                    yield kind, field_name, printed.fields[field_name], spec


def word(field: GraphQLField) -> str | None:
    """What the SDL says of a field's store, None where it says nothing."""
    assert field.ast_node is not None
    said = [each for each in field.ast_node.directives or () if each.name.value == "degrades"]
    if not said:
        return None
    (directive,) = said
    (argument,) = directive.arguments or ()
    assert isinstance(argument.value, EnumValueNode)
    return argument.value.value


def test_every_field_that_comes_from_a_store_has_its_word_and_no_other_has() -> None:
    of_stores = {f"{kind.name}.{name}" for kind, name, _, spec in fields() if not isinstance(spec, Leaf | Identity)}
    said = {f"{kind.name}.{name}" for kind, name, field, _ in fields() if word(field) is not None}
    assert of_stores - said == UNHARMED
    assert said <= of_stores
    assert len(said) > 25


def test_the_word_in_the_sdl_is_the_one_that_was_declared() -> None:
    for kind, name, field, spec in fields():
        if isinstance(spec, Edge | Root | Stream):
            declared = None if spec.degrades is None else spec.degrades.name
            assert word(field) == declared, f"{kind.name}.{name}"
        if isinstance(spec, Edge):
            assert spec.degrades is degradation(spec.batch), f"{kind.name}.{name}"


def test_what_becomes_null_can_be_and_what_has_no_answer_without_its_store_is_a_root() -> None:
    for kind, name, field, _ in fields():
        said = word(field)
        if said in ("NULL", "STALE"):
            item = get_nullable_type(field.type)
            nullable = not is_non_null_type(field.type) or (is_list_type(item) and not is_non_null_type(item.of_type))
            assert nullable, f"{kind.name}.{name}"
        if said == "ERROR":
            assert is_non_null_type(field.type) or kind.name in ROOTS, f"{kind.name}.{name}"


def test_a_field_that_cannot_be_null_is_lost_with_its_store() -> None:
    for kind, name, field, spec in fields():
        item = get_nullable_type(field.type)
        of_nulls = is_list_type(item) and not is_non_null_type(item.of_type)
        if isinstance(spec, Edge | Root | Stream) and is_non_null_type(field.type) and not of_nulls:
            assert word(field) == "ERROR" or f"{kind.name}.{name}" in UNHARMED, f"{kind.name}.{name}"


def test_the_words_of_some_fields() -> None:
    said = {f"{kind.name}.{name}": word(field) for kind, name, field, _ in fields()}
    assert said["Query.classroom"] == "NULL"
    assert said["Query.nodes"] == "NULL", "each of them"
    assert said["User.presence"] == "NULL"
    assert said["Mutation.logIn"] == "ERROR"
    assert said["Classroom.name"] is None


def test_the_sdl_says_what_each_word_means() -> None:
    kind = PRINTED.type_map["Degradation"]
    assert isinstance(kind, GraphQLEnumType)
    assert {name: value.description for name, value in kind.values.items()} == {
        each.name: each.value for each in Degrades
    }


def test_every_read_of_an_operation_says_what_the_failure_of_its_store_means() -> None:
    slots = [name for name in Loaders.__slots__ if name not in ("cursors", "embedder", "lease", "scope", "stores")]
    domains = [__import__(f"loaders.{name}", fromlist=[name]) for name in slots]
    reads = [
        read
        for module, name in zip(domains, slots, strict=True)
        for read_name, read in inspect.getmembers(getattr(module, name.title()), inspect.iscoroutinefunction)
        if not read_name.startswith("_")
    ]
    reads += [accounts.credentials_by_email, accounts.live_session, page.totals]
    assert len(reads) > 20
    for read in reads:
        assert degradation(read) in Degrades


def test_records_that_are_fetched_again_are_lost_one_by_one() -> None:
    for face in Node.__subclasses__():
        assert degradation(face.by_keys) in (Degrades.NULL, Degrades.STALE), face.__name__


@degrades_with(COURSES)
async def cached(operation: Operation, parents: Sequence[Any]) -> list[Any]:
    """A batch function that answers by a read with last good values."""
    return list(parents)


def test_a_field_whose_read_is_cached_says_stale() -> None:
    declared = spec_of(edge(cached, "What was found.", calls=POSTGRESQL))
    assert isinstance(declared, Edge)
    assert declared.degrades is Degrades.STALE
    [directive] = [each for each in edge(cached, "The same.", calls=POSTGRESQL).directives if isinstance(each, Shown)]
    assert directive.to is Degrades.STALE


async def undeclared(operation: Operation, parents: Sequence[Any]) -> list[Any]:
    """A batch function that forgot to say it."""
    return list(parents)


@pytest.mark.parametrize(
    "declare",
    [
        lambda: edge(undeclared, "What was forgotten.", calls=POSTGRESQL),
        lambda: edge_with(undeclared, calls=POSTGRESQL),
        lambda: root(undeclared, calls=NO_CALLS),
        lambda: stream(undeclared, calls=NO_CALLS),
    ],
    ids=["edge", "edge with arguments", "root", "stream"],
)
def test_a_field_that_does_not_say_it_stops_the_start(declare: Any) -> None:
    with pytest.raises(Undeclared, match=r"^undeclared does not say what the failure of its store means$"):
        declare()

"""Does the schema keep its conventions: labels, descriptions, names, nullability, connections, payloads?"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from graphql import (
    DirectiveNode,
    EnumValueNode,
    GraphQLEnumType,
    GraphQLField,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLScalarType,
    build_schema,
    get_named_type,
    is_list_type,
    is_non_null_type,
    is_specified_scalar_type,
)

from graph.execution.edge import Edge, spec_of
from graph.schema import graphql_schema, sdl
from graph.types.node import Node
from resolvers.access.labels import Label

ROOT = Path(__file__).parents[2]
PRINTED = build_schema(sdl())
# Labels that let fewer in than whoever may see the record.
NARROW = {"MEMBER", "SELF", "TEACHER", "ADMIN"}
# Mutations of a record that the viewer may not know of, or not touch.
REFUSING = {"deactivateUser", "revokeSession", "setSubscription", "setUserRole"}
FEDERATION = re.compile("^(_|link__|federation__)")

Composite = GraphQLObjectType | GraphQLInterfaceType


def composites() -> Iterator[Composite]:
    """Object types and interfaces that are ours."""
    for kind in PRINTED.type_map.values():
        if isinstance(kind, Composite) and not FEDERATION.match(kind.name):
            yield kind


def fields() -> Iterator[tuple[Composite, str, GraphQLField]]:
    """Their fields."""
    for kind in composites():
        for name, field in kind.fields.items():
            if not FEDERATION.match(name):
                yield kind, name, field


def label(field: GraphQLField) -> str:
    """What the SDL says of a field's access."""
    assert field.ast_node is not None
    directives: list[DirectiveNode] = [each for each in field.ast_node.directives or () if each.name.value == "access"]
    (argument,) = directives[0].arguments or ()
    assert isinstance(argument.value, EnumValueNode)
    return argument.value.value


def connections() -> list[GraphQLObjectType]:
    """Types that are pages."""
    return [kind for kind in composites() if isinstance(kind, GraphQLObjectType) and kind.name.endswith("Connection")]


def test_the_file_is_what_the_program_prints() -> None:
    assert (ROOT / "schema.graphql").read_text(encoding="utf-8") == sdl()


def test_every_field_has_a_label_in_the_sdl() -> None:
    labels = {f"{kind.name}.{name}": label(field) for kind, name, field in fields()}
    assert set(labels.values()) <= {each.name for each in Label}
    assert labels["Query.viewer"] == "PUBLIC"
    assert labels["Classroom.joinCode"] == "TEACHER"


def test_the_label_in_the_sdl_is_the_one_that_is_enforced() -> None:
    for name, kind in graphql_schema().type_map.items():
        if isinstance(kind, GraphQLObjectType) and not FEDERATION.match(name):
            for field_name, field in kind.fields.items():
                spec = spec_of(field.extensions["strawberry-definition"]) if field_name != "_service" else None
                if spec is not None:
                    printed: Any = PRINTED.type_map[name]
                    assert label(printed.fields[field_name]) == spec.label.name


def test_a_field_that_fewer_may_read_than_its_record_can_be_null() -> None:
    for kind in composites():
        labels = {name: label(field) for name, field in kind.fields.items() if not FEDERATION.match(name)}
        if set(labels.values()) <= NARROW and len(set(labels.values())) == 1:
            continue  # the whole record stands behind a field of that label
        for name, of_field in labels.items():
            if of_field in NARROW:
                assert not is_non_null_type(kind.fields[name].type), f"{kind.name}.{name}"


def test_a_record_of_one_narrow_label_is_reached_by_fields_of_that_label_alone() -> None:
    labels: dict[str, set[str]] = {}
    for kind, _, field in fields():
        labels.setdefault(kind.name, set()).add(label(field))
    for kind, name, field in fields():
        below = labels.get(get_named_type(field.type).name, set())
        if len(below) == 1 and below <= NARROW:
            assert {label(field)} == below, f"{kind.name}.{name}"


def test_what_comes_by_an_edge_can_be_null() -> None:
    """A store that does not answer must not blank the page."""
    for name, kind in graphql_schema().type_map.items():
        if isinstance(kind, GraphQLObjectType) and not FEDERATION.match(name):
            for field_name, field in kind.fields.items():
                definition = field.extensions.get("strawberry-definition")
                if definition is not None and isinstance(spec_of(definition), Edge):
                    assert not is_non_null_type(field.type), f"{name}.{field_name}"


def test_everything_says_what_it_is() -> None:
    silent = []
    for name, kind in PRINTED.type_map.items():
        if FEDERATION.match(name) or is_specified_scalar_type(kind):
            continue
        parts: list[tuple[str, Any]] = [(name, kind)]
        if isinstance(kind, Composite):
            for field_name, field in kind.fields.items():
                if not FEDERATION.match(field_name):
                    parts.append((f"{name}.{field_name}", field))
                    parts += [(f"{name}.{field_name}({each})", argument) for each, argument in field.args.items()]
        elif isinstance(kind, GraphQLInputObjectType):
            parts += [(f"{name}.{each}", field) for each, field in kind.fields.items()]
        elif isinstance(kind, GraphQLEnumType):
            parts += [(f"{name}.{each}", value) for each, value in kind.values.items()]
        silent += [place for place, part in parts if not (part.description or "").strip()]
    assert silent == []


def test_descriptions_are_sentences() -> None:
    for kind, name, field in fields():
        for text in (kind.description, field.description, *(each.description for each in field.args.values())):
            assert text is not None
            assert text == text.strip(), f"{kind.name}.{name}"
            assert text[-1] in ".`", f"{kind.name}.{name}: {text}"


def test_custom_scalars_say_where_they_are_specified() -> None:
    custom = {
        name: kind.specified_by_url
        for name, kind in PRINTED.type_map.items()
        if isinstance(kind, GraphQLScalarType) and not is_specified_scalar_type(kind) and not FEDERATION.match(name)
    }
    assert sorted(custom) == ["BigInt", "Date", "DateTime", "Upload"]
    assert all(url and url.startswith("https://") for url in custom.values())


def test_names_are_written_as_names_of_their_kind() -> None:
    camel, pascal, upper = (
        re.compile("[a-z][A-Za-z0-9]*"),
        re.compile("[A-Z][A-Za-z0-9]*"),
        re.compile("[A-Z][A-Z0-9_]*"),
    )
    for name, kind in PRINTED.type_map.items():
        if FEDERATION.match(name):
            continue
        assert pascal.fullmatch(name)
        if isinstance(kind, GraphQLEnumType):
            assert all(map(upper.fullmatch, kind.values))
        if isinstance(kind, (Composite, GraphQLInputObjectType)):
            assert all(camel.fullmatch(each) for each in kind.fields if not FEDERATION.match(each))
    for _, _, field in fields():
        assert all(map(camel.fullmatch, field.args))


def test_inputs_are_inputs_filters_or_orders() -> None:
    for name, kind in PRINTED.type_map.items():
        if isinstance(kind, GraphQLInputObjectType):
            assert name.endswith(("Input", "Filter", "Order"))
        elif not isinstance(kind, GraphQLEnumType):
            assert not name.endswith(("Input", "Filter", "Order"))


def test_what_is_called_at_is_a_moment_and_each_moment_is_called_so() -> None:
    for kind, name, field in fields():
        assert (name.endswith("At") or name == "at") == (get_named_type(field.type).name == "DateTime"), (
            f"{kind.name}.{name}"
        )


def test_a_name_is_always_there() -> None:
    assert {str(field.type) for _, name, field in fields() if name == "name"} == {"String!"}


def test_every_node_has_an_id_and_can_be_fetched_again_by_it() -> None:
    interface = PRINTED.type_map["Node"]
    assert isinstance(interface, GraphQLInterfaceType)
    nodes = PRINTED.get_possible_types(interface)
    assert {str(kind.fields["id"].type) for kind in nodes} == {"ID!"}
    assert {kind.name for kind in nodes} == {face.__name__ for face in Node.__subclasses__()}
    # A subject of the audit log is an id and no record: that may be gone.
    with_id = {kind.name for kind, name, _ in fields() if name == "id"} - {"Node", "AuditSubject"}
    assert with_id == {kind.name for kind in nodes}
    query: Any = PRINTED.query_type
    assert str(query.fields["node"].type) == "Node"
    assert str(query.fields["nodes"].type) == "[Node]!"


@pytest.mark.parametrize("kind", connections(), ids=lambda kind: kind.name)
def test_a_connection_has_edges_nodes_and_page_info(kind: GraphQLObjectType) -> None:
    prefix = kind.name.removesuffix("Connection")
    edge: Any = PRINTED.type_map[f"{prefix}Edge"]
    record = get_named_type(edge.fields["node"].type)
    assert str(kind.fields["edges"].type) == f"[{prefix}Edge!]!"
    assert str(kind.fields["nodes"].type) == f"[{record.name}!]!"
    assert str(kind.fields["pageInfo"].type) == "PageInfo!"
    assert str(edge.fields["cursor"].type) == "String!"
    assert str(edge.fields["node"].type) == f"{record.name}!"
    if not kind.name.endswith("SearchConnection"):
        assert str(kind.fields["totalCount"].type) == "Int"


def test_a_field_that_is_a_page_takes_the_arguments_of_one_and_no_other_does() -> None:
    for kind, name, field in fields():
        arguments = {each: str(argument.type) for each, argument in field.args.items()}
        paged = get_named_type(field.type).name.endswith("Connection")
        assert ("first" in arguments) == paged, f"{kind.name}.{name}"
        if paged:
            assert arguments["first"] == "Int"
            assert arguments["after"] == "String"
            if not get_named_type(field.type).name.endswith("SearchConnection"):
                assert (arguments["last"], arguments["before"]) == ("Int", "String")
            if "orderBy" in arguments:
                assert re.fullmatch(r"\[[A-Za-z]+Order!\]", arguments["orderBy"])
            if "filter" in arguments:
                assert arguments["filter"].endswith("Filter")


def test_items_of_lists_are_there_but_those_of_nodes() -> None:
    for kind, name, field in fields():
        type_ = field.type.of_type if isinstance(field.type, GraphQLNonNull) else field.type
        if is_list_type(type_) and (kind.name, name) != ("Query", "nodes"):
            assert is_non_null_type(type_.of_type), f"{kind.name}.{name}"


def test_a_mutation_takes_one_input_and_answers_a_payload_with_errors() -> None:
    mutation = PRINTED.mutation_type
    assert mutation is not None
    for name, field in mutation.fields.items():
        pascal = name[0].upper() + name[1:]
        assert {each: str(argument.type) for each, argument in field.args.items()} == {"input": f"{pascal}Input!"}
        # Where a record may be refused (FORBIDDEN, NOT_FOUND), what was done before it in the same request stays.
        assert str(field.type) == f"{pascal}Payload{'' if name in REFUSING else '!'}"
        payload: Any = get_named_type(field.type)
        error: Any = get_named_type(payload.fields["errors"].type)
        assert str(payload.fields["errors"].type) == f"[{error.name}!]!"
        assert {each: str(below.type) for each, below in error.fields.items()} == {
            "code": f"{error.name}Code!",
            "message": "String!",
            "path": "[String!]!",
        }
        assert all(not is_non_null_type(below.type) for each, below in payload.fields.items() if each != "errors")

"""Which fields of a mutation have an idempotency key, and what exactly is asked under it?"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date, datetime
from enum import Enum
from hashlib import sha256
from typing import Any, Final

from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    GraphQLError,
    GraphQLObjectType,
    GraphQLSchema,
    OperationDefinitionNode,
    OperationType,
    SelectionSetNode,
    print_ast,
)
from graphql.execution.values import VariableValues, get_argument_values

from graph.execution.documents import Document, passing
from graph.execution.selections import Unplannable, fields_of
from graph.uploaded import UploadedFile
from resolvers.idempotency import refuse_keys

_KEY: Final = "idempotencyKey"


@dataclass(frozen=True, slots=True)
class KeyedField:
    """One root field, by its response key. `asked` is the same where the same is asked of it, and nowhere else: it may
    hold a password."""

    name: str
    key: str
    asked: bytes
    # This field alone, where the operation has others.
    alone: Document


@dataclass(frozen=True, slots=True)
class Keyed:
    """The fields of an operation; `names` are all response keys in the order of the answer, `__typename` among them."""

    fields: tuple[KeyedField, ...]
    names: tuple[str, ...]
    kind: GraphQLObjectType


def keyed(
    schema: GraphQLSchema, document: Document, definition: OperationDefinitionNode, variables: VariableValues
) -> Keyed | None:
    """The fields of a mutation that come with keys; None where none does. Raises BadUserInput."""
    if definition.operation is not OperationType.MUTATION or not _may_be(document, variables):
        return None
    kind = schema.mutation_type
    assert kind is not None
    definitions = document.node.definitions
    fragments = {each.name.value: each for each in definitions if isinstance(each, FragmentDefinitionNode)}
    switches = {each: variables.coerced.get(each, False) for each in document.switches}
    try:
        found = fields_of(schema, fragments, switches, kind, [definition.selection_set])
    except Unplannable:
        # graphql-core fails the selection itself: nothing is done.
        return None
    keys = {name: _key_of(kind, nodes[0], variables) for name, nodes in found.items() if not _is_meta(nodes[0])}
    if not any(key is not None for key in keys.values()):
        return None
    refuse_keys(list(keys.values()))
    said = [sorted(print_ast(each) for each in fragments.values()), variables.coerced]
    fields = [
        KeyedField(name, key, _written([[print_ast(each) for each in found[name]], said]), alone)
        for name, key in keys.items()
        if key is not None
        for alone in [_alone(definition, found[name], fragments)]
    ]
    return Keyed(tuple(fields), tuple(found), kind)


def _may_be(document: Document, variables: VariableValues) -> bool:
    """Whether a key may stand anywhere: most operations have none, and are looked at no closer."""
    for value in variables.coerced.values():
        if isinstance(value, dict) and value.get(_KEY) is not None:
            return True
    at = document.node.loc
    return at is None or _KEY in at.source.body


def _is_meta(node: FieldNode) -> bool:
    return node.name.value.startswith("__")


def _key_of(kind: GraphQLObjectType, node: FieldNode, variables: VariableValues) -> str | None:
    try:
        given = get_argument_values(kind.fields[node.name.value], node, variables).get("input")
    except GraphQLError:
        # The field fails by that, and does nothing.
        return None
    key: str | None = given.get(_KEY) if isinstance(given, dict) else None
    return key


def _alone(
    definition: OperationDefinitionNode, nodes: list[FieldNode], fragments: dict[str, FragmentDefinitionNode]
) -> Document:
    operation = OperationDefinitionNode(
        operation=definition.operation,
        name=definition.name,
        variable_definitions=definition.variable_definitions,
        directives=definition.directives,
        selection_set=SelectionSetNode(selections=tuple(nodes)),
        loc=definition.loc,
    )
    return passing(operation, fragments.values())


def _written(value: Any) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), default=_plain).encode()


def _plain(value: Any) -> Any:
    """What JSON has no word for, as the scalars of this schema are."""
    if isinstance(value, UploadedFile):
        return {"sha256": sha256(value.data).hexdigest()}
    if isinstance(value, Enum):
        return value.name
    if isinstance(value, (date, datetime)):
        return value.isoformat()
    raise TypeError(f"a fingerprint of {type(value).__name__} is not known")

"""Who is asking? The bearer token, then the session that it names; anonymous only where nothing needs an account."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLObjectType,
    GraphQLSchema,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionSetNode,
    get_named_type,
)

from graph.execution.edge import Root, spec_of
from resolvers.access.labels import Label
from resolvers.errors import Unauthenticated
from resolvers.operation import Services, Viewer
from resolvers.sessions import Spends, listening, resumed


async def viewer_of(
    services: Services, authorization: str | None, *, reads: bool, spends: Spends | None = None
) -> Viewer | None:
    """The viewer behind an Authorization header, None without one. One store call. `reads`: the operation is no
    mutation; `spends`: what it takes of the viewer's minute. Raises Unauthenticated, RateLimited, StoreUnavailable."""
    if authorization is None:
        return None
    return await resumed(services, _token(authorization), reads=reads, spends=spends)


async def listener_of(services: Services, authorization: str | None) -> Viewer | None:
    """The same for who asks nothing and is told something: their session is read, not prolonged. One store call. Raises
    Unauthenticated, StoreUnavailable."""
    return None if authorization is None else await listening(services, _token(authorization))


def claimed_role(services: Services, authorization: str | None) -> str | None:
    """The role that a verified token claims, None without one: for what shows nobody's data and asks no store.

    Raises Unauthenticated."""
    return None if authorization is None else services.tokens.verified(_token(authorization)).role


def seconds_left(services: Services, authorization: str | None) -> float | None:
    """For how long whoever sent this header may go on listening, None for ever. Raises Unauthenticated."""
    return None if authorization is None else services.tokens.seconds_left(_token(authorization))


def _token(authorization: str) -> str:
    scheme, _, text = authorization.partition(" ")
    if scheme.lower() != "bearer" or not text.strip():
        raise Unauthenticated("The Authorization header takes the form: Bearer <access token>.")
    return text.strip()


def needs_account(schema: GraphQLSchema, document: DocumentNode, operation: OperationDefinitionNode) -> bool:
    """Whether anything the operation selects is not for everyone.

    Below a root field that `opens` (viewer, logIn) nothing is asked for: without an account it answers null, or
    becomes an account's."""
    kind = schema.get_root_type(operation.operation)
    if kind is None:
        return False
    fragments = {each.name.value: each for each in document.definitions if isinstance(each, FragmentDefinitionNode)}
    return any(_needs(node, kind, fragments) for node in _fields(operation.selection_set, fragments))


def _needs(node: FieldNode, parent: GraphQLObjectType, fragments: dict[str, FragmentDefinitionNode]) -> bool:
    name = node.name.value
    if name.startswith("__"):
        return False
    field = parent.fields[name]
    definition: Any = field.extensions.get("strawberry-definition")
    spec = spec_of(definition) if definition is not None else None
    if spec is None or spec.label is not Label.PUBLIC:
        return True
    if isinstance(spec, Root) and spec.opens:
        return False
    kind = get_named_type(field.type)
    if node.selection_set is None or not isinstance(kind, GraphQLObjectType):
        return False
    return any(_needs(below, kind, fragments) for below in _fields(node.selection_set, fragments))


def _fields(selections: SelectionSetNode, fragments: dict[str, FragmentDefinitionNode]) -> Iterator[FieldNode]:
    for selection in selections.selections:
        if isinstance(selection, FieldNode):
            yield selection
        elif isinstance(selection, InlineFragmentNode):
            yield from _fields(selection.selection_set, fragments)
        elif isinstance(selection, FragmentSpreadNode):
            yield from _fields(fragments[selection.name.value].selection_set, fragments)

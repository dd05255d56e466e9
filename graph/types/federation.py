"""How does a gateway see this graph as one of several? Apollo's Federation, version 2: `_service` and `_entities`.

Every `Node` is an entity with the key `id`. A gateway's look-up is `nodes(ids:)` under another name: the same doors,
one read a type, and what cannot be had is null with its error at its own place.
"""

import asyncio
from collections.abc import Sequence
from functools import cache
from typing import Annotated, Any, Final, NamedTuple, Union

import strawberry
from strawberry.federation.schema import FederationAny
from strawberry.federation.schema_directives import Key
from strawberry.federation.types import FieldSet

from graph.execution.edge import NO_CALLS, face, leaf, root
from graph.ids import decode
from graph.types.node import Node
from graph.types.refetch import by_global_ids
from resolvers.access.labels import Label
from resolvers.degrading import Degrades, degrades
from resolvers.errors import BadUserInput, NotFound
from resolvers.operation import Operation

DEFINITIONS: Final = '''\
"""Links this schema to another, whose names it uses: to Apollo's Federation."""
directive @link(url: String!, as: String, for: link__Purpose, import: [link__Import]) repeatable on SCHEMA

"""A record of this type is found by these fields: a gateway asks for it by them."""
directive @key(fields: federation__FieldSet!, resolvable: Boolean = true) repeatable on OBJECT | INTERFACE

"""What a linked schema is needed for."""
enum link__Purpose {
  """To keep what is protected protected."""
  SECURITY

  """To answer as the schema says."""
  EXECUTION
}

"""A name that is taken over from a linked schema."""
scalar link__Import

"""Fields of a type, as a selection without its braces."""
scalar federation__FieldSet

'''
"""What Strawberry leaves to the gateway: with it other tools read the schema too, which know nothing of Federation."""


class Sdl(NamedTuple):
    """The record of `_Service`."""

    sdl: str


@strawberry.type(name="_Service", description="This graph, to whoever composes several.")
class ServiceDescription:
    """The face of `_Service`."""

    sdl: str = leaf("The schema, as a gateway composes it.", label=Label.PUBLIC)


def _asked(representation: Any) -> str | Exception:
    """The id that a gateway asks for; an exception where it asks for nothing of ours."""
    given = representation if isinstance(representation, dict) else {}
    kind, identity = given.get("__typename"), given.get("id")
    if not isinstance(kind, str) or not isinstance(identity, str):
        return BadUserInput("A representation holds `__typename` and `id`.")
    try:
        return identity if decode(identity).type_name == kind else NotFound()
    except NotFound as error:
        return error


@degrades(Degrades.NULL)  # each type's read on its own, as for `nodes`
async def by_representations(operation: Operation, representations: Sequence[Any]) -> list[Any]:
    """The records that a gateway asks for, in its order; an exception in the place of each that is not to be had."""
    asked = [_asked(each) for each in representations]
    found = iter(await by_global_ids(operation, [strawberry.ID(each) for each in asked if isinstance(each, str)]))
    return [next(found) if isinstance(each, str) else each for each in asked]


@degrades(Degrades.ERROR)
async def described(operation: Operation) -> Sdl:
    """The schema of this program, for a gateway."""
    return await asyncio.to_thread(_described)


@cache
def _described() -> Sdl:
    from graph.schema import sdl

    return Sdl(sdl())


def as_entities(kinds: Sequence[type[Node]]) -> type[Any]:
    """The root fields of Federation over these types, which become entities."""
    for kind in kinds:
        definition: Any = kind.__strawberry_definition__  # type: ignore[attr-defined]
        definition.directives = [*(definition.directives or ()), Key(fields=FieldSet("id"))]
    entity: Any = Annotated[
        Union[tuple(kinds)],  # noqa: UP007 - of types that are not known before
        strawberry.union("_Entity", description="Any record that a gateway may ask for."),
    ]

    async def entities(operation: Operation, representations: list[FederationAny]) -> Any:
        """A gateway's look-up of records by type and id."""
        return face(await by_representations(operation, representations))

    async def service(operation: Operation) -> ServiceDescription:
        """This graph, to a gateway that composes several; in production to administrators alone."""
        return face(await described(operation))

    entities.__annotations__["return"] = list[entity | None]
    looked_up = root(by_representations, calls=NO_CALLS, many=("representations",))(entities)
    looked_up.graphql_name = "_entities"
    shown = root(described, calls=NO_CALLS, label=Label.PUBLIC)(service)
    shown.graphql_name = "_service"
    made = type("FederationQueries", (), {"entities_": looked_up, "service_": shown})
    return strawberry.type(made)

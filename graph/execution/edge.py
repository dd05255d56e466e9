"""How does a field of a face get its value? Declared once, run by graphql-core or by a compiled plan.

Four kinds of field, each with an access label:

- `leaf`: read from the record the parent already is. No store call. `identity` is the one leaf of `Node`.
- `edge`: one batch function for the whole level: `(operation, parents, ...) -> aligned list`, failures as values.
- `root`: a field of Query or Mutation: `(operation, ...) -> value`.
- `stream`: a field of Subscription: `(operation, ...) -> async iterator of events`, each of which is then a value.

Batch functions live in `resolvers/` and know nothing of GraphQL. `run` is the one place where a door and a batch meet;
whoever executes calls it with a whole level.
"""

from __future__ import annotations

import inspect
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import strawberry
from strawberry.types.field import StrawberryField

from graph.execution.access_directive import Access
from graph.execution.cost_directives import cost_of, size_of
from graph.execution.degrades_directive import Degrades
from resolvers.access.labels import Label
from resolvers.degrading import Degrades as Word
from resolvers.degrading import degradation
from resolvers.errors import Forbidden
from resolvers.operation import Operation

SPEC: Final = "studygraph"

Door = Callable[[Any, Sequence[Any]], list[bool]]
# Store calls by store name.
Calls = Mapping[str, int]
POSTGRESQL: Final[Calls] = {"postgresql": 1}
REDIS: Final[Calls] = {"redis": 1}
MONGODB: Final[Calls] = {"mongodb": 1}
QDRANT: Final[Calls] = {"qdrant": 1}
CASSANDRA: Final[Calls] = {"cassandra": 1}
NO_CALLS: Final[Calls] = {}


@dataclass(frozen=True, eq=False)
class Leaf:
    """A value that the record holds. `read` is None where the attribute has the field's own Python name."""

    label: Label
    read: Callable[[Any], Any] | None = None
    door: Door | None = None


@dataclass(frozen=True, eq=False)
class Identity:
    """The global id: the concrete type's name and the record's key."""

    label: Label = Label.RECORD


@dataclass(frozen=True, eq=False)
class Edge:
    """A value that a batch function gathers for a whole level.

    `calls` says how many store calls one batch makes, by store: explain adds them up, the ledger proves them.
    `request` turns the GraphQL arguments into the batch's third argument. `includes` names a field below whose
    requests are handed to the batch too, so that a store which holds both answers once. `degrades` is what the batch
    says of its store's failure."""

    label: Label
    batch: Callable[..., Any]
    calls: Calls
    request: Callable[..., Any] | None = None
    door: Door | None = None
    includes: str | None = None
    degrades: Word | None = None


@dataclass(frozen=True, eq=False)
class Root:
    """A field of Query or Mutation. `opens`: without an account it answers, but nothing below it is public. `degrades`
    is what the function by which it answers says of its store's failure."""

    label: Label
    call: Callable[..., Any]
    calls: Calls
    opens: bool = False
    degrades: Word | None = None


@dataclass(frozen=True, eq=False)
class Stream:
    """A field of Subscription. `calls` are those that the source makes for each event.

    An event's selection is read with an operation of its own. `reads` says that something there asks a store in the
    viewer's scope, which is then read first, for each event anew; where it cannot be had the event is that error."""

    label: Label
    events: Callable[..., AsyncGenerator[Any, None]]
    calls: Calls
    reads: bool = True
    degrades: Word | None = None


Spec = Leaf | Identity | Edge | Root | Stream


def identity(description: str) -> Any:
    """Declare the `id` of `Node`."""
    from graph.execution.by_graphql_core import identity_resolver

    return strawberry.field(
        resolver=identity_resolver,
        description=description,
        metadata={SPEC: Identity()},
        directives=[Access(to=Label.RECORD)],
    )


def leaf(
    description: str,
    *,
    label: Label = Label.RECORD,
    read: Callable[[Any], Any] | None = None,
    door: Door | None = None,
    many: int | None = None,
) -> Any:
    """Declare a leaf. `many`: how long its list is assumed to be."""
    spec = Leaf(label, read, door)
    directives: list[object] = [Access(to=label), *size_of(None, many)]
    if read is None and door is None:
        return strawberry.field(description=description, metadata={SPEC: spec}, directives=directives)
    from graph.execution.by_graphql_core import leaf_resolver

    return strawberry.field(
        resolver=leaf_resolver(spec), description=description, metadata={SPEC: spec}, directives=directives
    )


def edge(
    batch: Callable[..., Any],
    description: str,
    *,
    calls: Calls,
    label: Label = Label.RECORD,
    door: Door | None = None,
    includes: str | None = None,
    many: int | None = None,
) -> Any:
    """Declare an edge without arguments. `many`: how long its list is assumed to be.

    Raises Undeclared where `batch` does not say what a failing store means."""
    return _edge_field(Edge(label, batch, calls, None, door, includes, degradation(batch)), description, many)


def edge_with(
    batch: Callable[..., Any],
    *,
    calls: Calls,
    label: Label = Label.RECORD,
    door: Door | None = None,
    includes: str | None = None,
    many: int | Sequence[str] | None = None,
) -> Callable[[Any], Any]:
    """Declare an edge with arguments: decorates the static method that turns them into the batch's request. Its
    docstring is the description, its return annotation the field's type. Raises Undeclared as `edge` does."""
    degrades = degradation(batch)

    def declare(request: Any) -> Any:
        function = request.__func__ if isinstance(request, staticmethod) else request
        spec = Edge(label, batch, calls, function, door, includes, degrades)
        return _edge_field(spec, inspect.cleandoc(function.__doc__ or ""), many)

    return declare


def root(
    by: Callable[..., Any],
    *,
    calls: Calls,
    label: Label = Label.AUTHENTICATED,
    opens: bool = False,
    many: int | Sequence[str] | None = None,
) -> Callable[[Any], Any]:
    """Declare a root field: decorates a static method `(operation, ...)`; its docstring is the description. `by` is the
    function by which it answers; Undeclared is raised where that does not say what a failing store means. `many` says
    how long a list that is no page is assumed to be, or by which arguments one knows."""
    degrades = degradation(by)

    def declare(call: Any) -> Any:
        from graph.execution.by_graphql_core import root_resolver

        function = call.__func__ if isinstance(call, staticmethod) else call
        spec = Root(label, function, calls, opens, degrades)
        return strawberry.field(
            resolver=root_resolver(spec),
            description=inspect.cleandoc(function.__doc__ or ""),
            metadata={SPEC: spec},
            directives=_directives(spec, function, many),
        )

    return declare


def stream(
    by: Callable[..., Any], *, calls: Calls, label: Label = Label.AUTHENTICATED, reads: bool = True
) -> Callable[[Any], Any]:
    """Declare a field of Subscription: decorates a static method `(operation, ...)` that answers an async generator;
    its docstring is the description. `by` is as in `root`. A stream whose source fails ends with that error."""
    degrades = degradation(by)

    def declare(events: Any) -> Any:
        from graph.execution.by_graphql_core import stream_resolver

        function = events.__func__ if isinstance(events, staticmethod) else events
        spec = Stream(label, function, calls, reads, degrades)
        return strawberry.subscription(
            resolver=stream_resolver(spec),
            description=inspect.cleandoc(function.__doc__ or ""),
            metadata={SPEC: spec},
            directives=_directives(spec, function, None),
        )

    return declare


def _edge_field(spec: Edge, description: str, many: int | Sequence[str] | None) -> Any:
    from graph.execution.by_graphql_core import edge_resolver

    return strawberry.field(
        resolver=edge_resolver(spec),
        description=description,
        metadata={SPEC: spec},
        directives=_directives(spec, spec.request, many),
    )


def _directives(
    spec: Edge | Root | Stream, declared: Callable[..., Any] | None, many: int | Sequence[str] | None
) -> list[object]:
    """What the SDL says of a field that asks stores. One that no store's failure harms has no word for it."""
    degrades = [] if spec.degrades is None else [Degrades(to=spec.degrades)]
    return [Access(to=spec.label), *degrades, cost_of(spec.calls), *size_of(declared, many)]


async def answered(spec: Root, operation: Operation, arguments: Mapping[str, Any]) -> Any:
    """What a root field answers. What it does is done under the key that its input has. Doors below it ask the scope:
    from here on that is whole."""
    if operation.once is not None:
        operation.once.key = getattr(arguments.get("input"), "idempotency_key", None) or None
    value = await spec.call(operation, **arguments)
    if spec.calls and not operation.knows_scope:
        await operation.whole_scope()
    return value


def face(record: object) -> Any:
    """A record where a face is announced: faces are never made, the record travels in their place."""
    return record


def spec_of(field: StrawberryField) -> Spec | None:
    """How a Strawberry field is declared here, None for Strawberry's own."""
    spec: Spec | None = field.metadata.get(SPEC)
    return spec


async def run(spec: Edge, operation: Operation, parents: Sequence[Any], arguments: tuple[Any, ...]) -> list[Any]:
    """The values of an edge for a whole level, aligned with `parents`; failures are exceptions in the list."""
    if not parents:
        return []
    if spec.door is None:
        return await _batched(spec, operation, parents, arguments)
    try:
        allowed = spec.door(operation.scope, parents)
    except Exception as error:
        return [error] * len(parents)
    if len(allowed) == len(parents) and all(allowed):
        return await _batched(spec, operation, parents, arguments)
    asked = [parent for parent, yes in zip(parents, allowed, strict=True) if yes]
    if not asked:
        return [Forbidden() for _ in parents]
    values = iter(await _batched(spec, operation, asked, arguments))
    return [next(values) if yes else Forbidden() for yes in allowed]


async def _batched(spec: Edge, operation: Operation, parents: Sequence[Any], arguments: tuple[Any, ...]) -> list[Any]:
    try:
        values = await operation.deadline.within(spec.batch(operation, parents, *arguments))
        if len(values) != len(parents):
            raise RuntimeError(f"{spec.batch.__qualname__} answered {len(values)} values for {len(parents)} parents")
    except Exception as error:
        return [error] * len(parents)
    return list(values)

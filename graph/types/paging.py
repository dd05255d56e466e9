"""How are lists shown? Relay connections, orders and filters, the same for every domain."""

from collections.abc import Callable, Sequence
from datetime import datetime
from enum import Enum
from typing import Annotated, Any, Generic, NamedTuple, TypeVar
from uuid import UUID

import strawberry
from strawberry import UNSET

from graph.execution.edge import POSTGRESQL, edge, leaf
from graph.ids import decode
from resolvers import paging
from resolvers.errors import BadUserInput, NotFound

T = TypeVar("T")

First = Annotated[
    int | None, strawberry.argument(description="How many from the start or after `after`, 1 to 100; 20 by default.")
]
Last = Annotated[int | None, strawberry.argument(description="How many from the end or before `before`, 1 to 100.")]
After = Annotated[str | None, strawberry.argument(description="Only what comes after this cursor.")]
Before = Annotated[str | None, strawberry.argument(description="Only what comes before this cursor.")]


@strawberry.enum(description="Which way a list is ordered. Nulls come last either way.")
class OrderDirection(Enum):
    """Which way."""

    ASC = strawberry.enum_value("asc", description="Smallest, earliest, first letter first.")
    DESC = strawberry.enum_value("desc", description="Largest, latest, last letter first.")


class EdgeRecord(NamedTuple):
    """One position of a page."""

    page: Any
    node: Any


def edges_of(page: Any) -> list[EdgeRecord]:
    return [EdgeRecord(page, record) for record in page.records]


def _end(page: Any, position: int) -> str | None:
    return page.cursor(page.records[position]) if page.records else None


@strawberry.type(description="Whether a list goes on beyond this page, and from where.")
class PageInfo:
    """Relay's page information."""

    has_next_page: bool = leaf("Whether more follows.", read=lambda page: page.has_next)
    has_previous_page: bool = leaf("Whether something comes before.", read=lambda page: page.has_previous)
    start_cursor: str | None = leaf(
        "The first record's cursor; null on an empty page.", read=lambda page: _end(page, 0)
    )
    end_cursor: str | None = leaf("The last record's cursor; null on an empty page.", read=lambda page: _end(page, -1))


@strawberry.type(description="A record's place in a list.")
class Edge(Generic[T]):
    """Relay's edge."""

    cursor: str = leaf("The record's place, for `after` and `before`.", read=lambda each: each.page.cursor(each.node))
    node: T = leaf("The record.")


@strawberry.type(description="One page of a list.")
class Connection(Generic[T]):
    """Relay's connection, with `nodes` and `totalCount`."""

    edges: list[Edge[T]] = leaf("The records with their cursors.", read=edges_of)
    nodes: list[T] = leaf("The records.", read=lambda page: page.records)
    page_info: PageInfo = leaf("Whether and how to go on.", read=lambda page: page)
    total_count: int | None = edge(
        paging.totals, "How many records the whole list has; only counted where this is asked for.", calls=POSTGRESQL
    )


def page_request(
    first: int | None,
    after: str | None,
    last: int | None,
    before: str | None,
    order: Sequence[Any] | None = None,
    where: Any = None,
) -> Any:
    """What the arguments of a connection ask for. Raises PageSize, BadUserInput."""
    terms = [(each.field.value, each.direction is OrderDirection.DESC) for each in _given(order) or ()]
    wanted = None if _given(where) is None else condition(where)
    return paging.request(_given(first), _given(after), _given(last), _given(before), terms, wanted)


def _given(value: Any) -> Any:
    """An argument that was left out is one that is null."""
    return None if value is UNSET else value


@strawberry.input(description="How a text must be.")
class StringFilter:
    """Operators on texts."""

    eq: str | None = strawberry.field(default=UNSET, description="Exactly this.")
    in_: list[str] | None = strawberry.field(default=UNSET, name="in", description="One of these.")
    contains: str | None = strawberry.field(default=UNSET, description="With this in it; upper and lower case are one.")
    starts_with: str | None = strawberry.field(default=UNSET, description="Beginning so; upper and lower case are one.")


@strawberry.input(description="Which record it must be.")
class IDFilter:
    """Operators on ids."""

    eq: strawberry.ID | None = strawberry.field(default=UNSET, description="This one.")
    in_: list[strawberry.ID] | None = strawberry.field(default=UNSET, name="in", description="One of these.")


@strawberry.input(description="Whether it must be.")
class BooleanFilter:
    """Operators on yes and no."""

    eq: bool | None = strawberry.field(default=UNSET, description="Exactly this.")


@strawberry.input(description="When it must be.")
class DateTimeFilter:
    """Operators on moments."""

    lt: datetime | None = strawberry.field(default=UNSET, description="Before.")
    lte: datetime | None = strawberry.field(default=UNSET, description="Before or at.")
    gt: datetime | None = strawberry.field(default=UNSET, description="After.")
    gte: datetime | None = strawberry.field(default=UNSET, description="After or at.")
    is_null: bool | None = strawberry.field(default=UNSET, description="Whether there is none.")


def condition(where: Any) -> paging.Condition:
    """A filter input as data. Raises BadUserInput, NotFound."""
    return paging.bounded(_condition(where))


def _condition(where: Any) -> paging.Condition:
    tests: list[paging.Test] = []
    typed = getattr(where, "typed_ids", ())
    for definition in where.__strawberry_definition__.fields:
        name = definition.python_name
        value = _given(getattr(where, name))
        if name in ("and_", "or_", "not_") or value is None:
            continue
        field = definition.graphql_name or _camel(name)
        for operator in value.__strawberry_definition__.fields:
            operand = _given(getattr(value, operator.python_name))
            if operand is not None:
                key = operator.graphql_name or _camel(operator.python_name)
                identity = None if not isinstance(value, IDFilter) else _typed_key if name in typed else _key
                tests.append(paging.Test(field, key, _plain(operand, identity)))
    return paging.Condition(
        tuple(tests),
        tuple(_condition(each) for each in _given(where.and_) or ()),
        tuple(_condition(each) for each in _given(where.or_) or ()),
        tuple(_condition(each) for each in [_given(where.not_)] if each is not None),
    )


def _plain(operand: Any, identity: Callable[[str], Any] | None) -> Any:
    if isinstance(operand, list):
        return [_plain(each, identity) for each in operand]
    if identity is not None:
        try:
            return identity(operand)
        except NotFound as error:
            raise BadUserInput("A filter by id takes ids of this schema.") from error
    return operand.value if isinstance(operand, Enum) else operand


def _key(text: str) -> UUID:
    return decode(text).uuid()


def _typed_key(text: str) -> str:
    node = decode(text)
    return f"{node.type_name}:{node.key}"


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(part.title() for part in rest)

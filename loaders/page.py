"""What is a page? Keyset pagination over many parents at once, in one statement.

A page is asked with `PageRequest` and comes as `Page`; the order always ends with the id, so that it is total. The
statement is built once per (listing, order, direction, filter shape) from columns named in the code; values are bound.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, TypeAlias, TypeVar
from uuid import UUID

from datadir.postgresql.record import Row
from loaders.cursor import Cursors, InvalidCursor
from loaders.degrading import Degrades, degrades
from loaders.filter import Condition, compiled

if TYPE_CHECKING:
    from loaders import Loaders

DEFAULT_PAGE = 20
LARGEST_PAGE = 100

R = TypeVar("R")


class Order(NamedTuple):
    """One term of an order: the column's public name and its direction."""

    column: str
    descending: bool = False


@dataclass(frozen=True, slots=True)
class PageRequest:
    """Which part of a list: forward (first `size` after `after`) or backward (last `size` before `before`)."""

    size: int = DEFAULT_PAGE
    backward: bool = False
    after: str | None = None
    before: str | None = None
    order: tuple[Order, ...] = ()
    where: Condition | None = None


class OrderColumn(NamedTuple):
    """A column that may be ordered by: SQL expression, its type, the record attribute that holds its value."""

    sql: str
    type: str
    attribute: str
    nullable: bool = False


@dataclass(frozen=True, eq=False)
class Listing:
    """A list that can be paged: where it comes from and what it may be ordered and filtered by.

    `select` is the select list in the record's order, each column named as the record's attribute. `parent` is the
    column that holds the parent's id and `owner` the record attribute with it; a root list has neither. `fixed` says
    how many parameters of its own the select list has: they are numbered after the parents' ids."""

    name: str
    select: str
    source: str
    id: str
    default_order: tuple[Order, ...]
    orders: Mapping[str, OrderColumn]
    filters: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    parent: str | None = None
    owner: str | None = None
    fixed: int = 0

    def terms(self, request: PageRequest) -> tuple[Order, ...]:
        """The order asked for, or the list's own."""
        return request.order or self.default_order

    def tag(self, request: PageRequest) -> str:
        """Which list and order a cursor belongs to."""
        return self.name + "".join(f"{'-' if term.descending else '+'}{term.column}" for term in self.terms(request))


@dataclass(frozen=True, slots=True)
class Page(Generic[R]):
    """Records of one parent in list order, and what is needed to go on (`cursor`) or to count (`owner`)."""

    records: Sequence[R]
    has_next: bool
    has_previous: bool
    request: PageRequest
    listing: Listing
    cursors: Cursors
    owner: UUID | None = None

    def cursor(self, record: Any) -> str:
        """The opaque cursor of one record of this page."""
        listing = self.listing
        values = [getattr(record, listing.orders[term.column].attribute) for term in listing.terms(self.request)]
        return self.cursors.encode(listing.tag(self.request), [self.owner, *values, record.id])


# One page a parent; a cursor of another parent's list is refused at that parent alone.
Pages: TypeAlias = list[Page[R] | InvalidCursor]


class CountRecord(Row):
    """How many rows a parent has."""

    __slots__ = ()
    owner: UUID
    total: int


class TotalRecord(Row):
    """How many rows a root list has."""

    __slots__ = ()
    total: int


async def pages_by_owner(
    loaders: Loaders, listing: Listing, record: type[Any], request: PageRequest, owners: Sequence[UUID], *fixed: Any
) -> Pages[Any]:
    """One page for each of `owners`, in their order. One statement. Raises InvalidCursor."""
    beyond, within = _positions(listing, request, loaders.cursors)
    meant = {position.owner for position in (beyond, within) if position is not None}
    asked = [owner for owner in dict.fromkeys(owners) if meant <= {owner}]
    if not asked:
        return [InvalidCursor() for _ in owners]
    sql, args = _statement(listing, request, beyond, within)
    rows = await loaders.lease.fetch(record, sql, asked, *fixed, *args)
    assert listing.owner is not None
    # Each owner's rows come one after another.
    groups = {owner: list(its) for owner, its in groupby(rows, itemgetter(record.columns.index(listing.owner)))}
    return [
        _page(listing, request, loaders.cursors, groups.get(owner, []), owner) if meant <= {owner} else InvalidCursor()
        for owner in owners
    ]


async def root_page(
    loaders: Loaders, listing: Listing, record: type[Any], request: PageRequest, *fixed: Any
) -> Page[Any]:
    """One page of a root list. One statement. Raises InvalidCursor."""
    sql, args = _statement(listing, request, *_positions(listing, request, loaders.cursors))
    rows = await loaders.lease.fetch(record, sql, *fixed, *args)
    return _page(listing, request, loaders.cursors, rows, None)


@degrades(Degrades.NULL)
async def totals(loaders: Loaders, pages: Sequence[Page[Any]]) -> list[int]:
    """How many records each page's whole list has, in one statement. The pages share one listing and filter."""
    listing, where_of = pages[0].listing, pages[0].request.where
    where, args = compiled(where_of, listing.filters)
    if listing.parent is None:
        rows = await loaders.lease.fetch(TotalRecord, _count_sql(listing, where), *args)
        return [rows[0].total for _ in pages]
    owners = [page.owner for page in pages]
    counts = await loaders.lease.fetch(CountRecord, _count_sql(listing, where), list(dict.fromkeys(owners)), *args)
    found = {row.owner: row.total for row in counts}
    return [found.get(owner, 0) if owner is not None else 0 for owner in owners]


def _page(listing: Listing, request: PageRequest, cursors: Cursors, rows: list[Any], owner: UUID | None) -> Page[Any]:
    # One row more than asked for says whether the list goes on.
    more = len(rows) > request.size
    rows = rows[: request.size]
    if request.backward:
        return Page(rows[::-1], request.before is not None, more, request, listing, cursors, owner)
    return Page(rows, more, request.after is not None, request, listing, cursors, owner)


class _Position(NamedTuple):
    """Where a cursor points: whose list it is, None for a root list, and the order's values with the id."""

    owner: UUID | None
    values: tuple[Any, ...]


def _positions(listing: Listing, request: PageRequest, cursors: Cursors) -> tuple[_Position | None, _Position | None]:
    """Where the page begins and where it must end, in its own direction. Raises InvalidCursor."""
    after, before = (_position(listing, request, cursors, cursor) for cursor in (request.after, request.before))
    return (before, after) if request.backward else (after, before)


def _position(listing: Listing, request: PageRequest, cursors: Cursors, cursor: str | None) -> _Position | None:
    if cursor is None:
        return None
    # The owner before the order's values, the id after them.
    owner, *values = cursors.decode(listing.tag(request), cursor, len(listing.terms(request)) + 2)
    return _Position(owner, tuple(values))


def _statement(
    listing: Listing, request: PageRequest, beyond: _Position | None, within: _Position | None
) -> tuple[str, list[Any]]:
    positions = (beyond, within)
    nulls = [None if each is None else tuple(value is None for value in each.values) for each in positions]
    where, args = compiled(request.where, listing.filters)
    sql = _page_sql(listing, listing.terms(request), request.backward, nulls[0], nulls[1], where)
    values: list[Any] = [request.size + 1, *args]
    for each in positions:
        values.extend(value for value in (each.values if each else ()) if value is not None)
    return sql, values


@lru_cache(maxsize=1024)
def _count_sql(listing: Listing, where: str) -> str:
    if listing.parent is None:
        return f"select count(*) as total from {listing.source} where {_numbered(where or 'true', 1)}"
    return (
        f"select {listing.parent} as owner, count(*) as total from {listing.source} "
        f"where {listing.parent} = any($1::uuid[]) and {_numbered(where or 'true', 2)} group by 1"
    )


class _Key(NamedTuple):
    sql: str
    type: str
    attribute: str
    nullable: bool
    descending: bool


@lru_cache(maxsize=1024)
def _page_sql(
    listing: Listing,
    terms: tuple[Order, ...],
    backward: bool,
    beyond: tuple[bool, ...] | None,
    within: tuple[bool, ...] | None,
    where: str,
) -> str:
    number = (2 if listing.parent else 1) + listing.fixed
    limit = f"${number}"
    number += 1
    conditions = [f"{listing.parent} = parents.id"] if listing.parent else []
    if where:
        conditions.append(_numbered(where, number))
        number += where.count("$?")
    keys = [_Key(*listing.orders[term.column], term.descending) for term in terms]
    keys.append(_Key(listing.id, "uuid", "id", False, terms[-1].descending))
    for nulls, reverse in ((beyond, backward), (within, not backward)):
        if nulls is not None:
            condition, number = _beyond(keys, nulls, reverse, number)
            conditions.append(condition)
    directions = [
        f"{'desc' if key.descending != backward else 'asc'} nulls {'first' if backward else 'last'}" for key in keys
    ]
    inner = f"select {listing.select} from {listing.source}"
    if conditions:
        inner += " where " + " and ".join(conditions)
    inner += " order by " + ", ".join(f"{key.sql} {how}" for key, how in zip(keys, directions, strict=True))
    inner += f" limit {limit}"
    if listing.parent is None:
        return inner
    # A join promises no order: the outer one keeps the parents apart and each parent's rows in the list's order.
    outer = ", ".join(f"page.{key.attribute} {how}" for key, how in zip(keys, directions, strict=True))
    return (
        "select page.* from unnest($1::uuid[]) with ordinality as parents(id, nth) "
        f"cross join lateral ({inner}) as page order by parents.nth, {outer}"
    )


def _beyond(keys: Sequence[_Key], nulls: tuple[bool, ...], reverse: bool, number: int) -> tuple[str, int]:
    """The rows beyond a position, written out term by term, since directions may differ and nulls come last."""
    parameters: list[str | None] = []
    for key, null in zip(keys, nulls, strict=True):
        parameters.append(None if null else f"${number}::{key.type}")
        number += 0 if null else 1
    alternatives: list[str] = []
    for position, key in enumerate(keys):
        parameter = parameters[position]
        if parameter is None:
            # Nulls are last: nothing lies beyond them forward, everything else does backward.
            if not reverse:
                continue
            strictly = f"{key.sql} is not null"
        else:
            strictly = f"{key.sql} {'<' if key.descending != reverse else '>'} {parameter}"
            if key.nullable and not reverse:
                strictly = f"({strictly} or {key.sql} is null)"
        equal = [
            f"{keys[at].sql} is null" if parameters[at] is None else f"{keys[at].sql} = {parameters[at]}"
            for at in range(position)
        ]
        alternatives.append(" and ".join([*equal, strictly]))
    return "(" + " or ".join(f"({each})" for each in alternatives) + ")", number


def _numbered(where: str, number: int) -> str:
    first, *rest = where.split("$?")
    return first + "".join(f"${number + offset}{part}" for offset, part in enumerate(rest))

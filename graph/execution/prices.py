"""What will an operation cost, before it is executed? Compiled once a document, priced with the variables' values.

The rules are those of `docs/limits.md`: what `@cost` and `@listSize` say in the SDL, and a default for whatever they do
not name. A price is the most that can come: every page full, every list as long as it is assumed to be, every object of
an interface the dearest of its types. Where no variable says how long a list is, an operation has one price for good.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from graphql import GraphQLObjectType, GraphQLSchema, OperationDefinitionNode

from graph.execution.explain import PREAMBLE, SCOPE
from graph.execution.pricing import Place, compiled

if TYPE_CHECKING:
    from graph.execution.documents import Document

# Settings of @skip and @include, and lengths of lists, whose prices a document keeps.
MOST_KEPT: Final = 64
# Who is asking, and which classrooms are theirs: two calls, which every operation of an account makes first.
_VIEWER: Final = Counter(PREAMBLE)
_SCOPE: Final = Counter(SCOPE)


@dataclass(slots=True)
class Price:
    """What an operation may cost at most: in all, by store (calls and rows), and how many records its pages hold."""

    requested: int
    nodes: int
    calls: Counter[str]
    rows: Mapping[str, int]
    scoped: bool
    _shapes: dict[tuple[int, bool], dict[str, Any]] = field(default_factory=dict)

    def shown(self, limit: int, *, viewer: bool) -> dict[str, Any]:
        """The shape of `extensions.cost`; made once, shared by the answers, which leave it as it is."""
        shape = self._shapes.get((limit, viewer))
        if shape is None:
            shape = self._shapes[limit, viewer] = self._shape(limit, viewer=viewer)
        return shape

    def _shape(self, limit: int, *, viewer: bool) -> dict[str, Any]:
        calls = Counter(self.calls)
        if viewer:
            calls += _VIEWER
            if self.scoped:
                calls += _SCOPE
        stores = {store: {"calls": calls[store], "rows": self.rows.get(store, 0)} for store in sorted(calls)}
        return {"requested": self.requested, "limit": limit, "stores": stores}


class Prices:
    """Finds and makes prices."""

    def __init__(self, schema: GraphQLSchema) -> None:
        self._schema = schema

    def price(self, document: Document, name: str | None, variables: Mapping[str, Any]) -> Price:
        """The price of this operation under these coerced variables. `name` is the operation's own, None without."""
        key: Any = (name, *(variables.get(each) for each in document.switches)) if document.switches else name
        priced = document.prices.get(key)
        if priced is None:
            if len(document.prices) >= MOST_KEPT:
                document.prices.clear()
            priced = document.prices[key] = _Priced(self._schema, document, name, variables)
        price: Price = priced.price(variables)
        return price


class _Priced:
    """One operation under one setting of its @skip and @include variables."""

    __slots__ = ("_constant", "_kept", "_lengths", "_root", "_scoped")

    def __init__(
        self, schema: GraphQLSchema, document: Document, name: str | None, variables: Mapping[str, Any]
    ) -> None:
        operation: OperationDefinitionNode = document.operations[name]
        kind = schema.get_root_type(operation.operation)
        assert isinstance(kind, GraphQLObjectType)
        assert document.judged is not None
        switches = {each: variables.get(each) for each in document.switches}
        pricing = compiled(schema, document.judged.measures.fragments, switches, kind, operation.selection_set)
        self._root = pricing.root
        self._scoped = pricing.scoped
        self._lengths = tuple(pricing.variables)
        self._kept: dict[tuple[int | None, ...], Price] = {}
        self._constant: Price | None = None if self._lengths else self._made({})

    def price(self, variables: Mapping[str, Any]) -> Price:
        if self._constant is not None:
            return self._constant
        lengths = tuple(_length(variables.get(each)) for each in self._lengths)
        price = self._kept.get(lengths)
        if price is None:
            if len(self._kept) >= MOST_KEPT:
                self._kept.clear()
            price = self._kept[lengths] = self._made(dict(zip(self._lengths, lengths, strict=True)))
        return price

    def _made(self, lengths: Mapping[str, int | None]) -> Price:
        bill = _Bill()
        bill.add(self._root, 1, None, lengths)
        requested = math.ceil(round(bill.weight, 3))
        return Price(requested, bill.nodes, Counter(bill.calls), bill.rows, self._scoped)


def _length(value: Any) -> int | None:
    if isinstance(value, list):
        return len(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


class _Bill:
    """The sum over all places of an operation."""

    def __init__(self) -> None:
        self.weight = 0.0
        self.nodes = 0
        self.calls: Counter[str] = Counter()
        self.rows: Counter[str] = Counter()

    def add(self, place: Place, parents: int, page: int | None, lengths: Mapping[str, int | None]) -> None:
        """A selection that is answered for so many objects; `page` is what the page that they are holds."""
        self.weight += parents * place.each
        for field_ in place.fields:
            self.weight += field_.once
            size = field_.size.of(lengths) if field_.size is not None else 1
            if field_.paged:
                # The page is one object; what it holds is below.
                records, objects, below = parents * size, parents, size
                self.nodes += records
            elif field_.of_page:
                objects, below = parents * (page if page is not None else size), None
                records = 0
            else:
                objects = records = parents * size
                below = None
            self.weight += objects * field_.item
            for store, calls in field_.calls.items():
                self.calls[store] += calls
                self.rows[store] += records
            self._dearest(field_.below, objects, below, lengths)

    def _dearest(
        self, places: tuple[Place, ...], objects: int, page: int | None, lengths: Mapping[str, int | None]
    ) -> None:
        """Add what is below: of an interface every type's calls, for any may come, and the weight of the dearest."""
        if len(places) == 1:
            self.add(places[0], objects, page, lengths)
            return
        weight, nodes = self.weight, self.nodes
        dearest, most = 0.0, 0
        for place in places:
            self.weight, self.nodes = 0.0, 0
            self.add(place, objects, page, lengths)
            dearest, most = max(dearest, self.weight), max(most, self.nodes)
        self.weight, self.nodes = weight + dearest, nodes + most

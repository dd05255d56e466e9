"""What does an operation do, level by level? The compiled form of a validated operation.

An `ObjectPlan` is a selection on one concrete type; it runs over all objects of a level at once. Its fields are
columns: leaves are read from the records, edges are one batch call each, and the objects of the answer are built from
the columns by one generated expression.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import attrgetter
from typing import Any, Final

from graphql import FieldNode, GraphQLError, GraphQLObjectType

from graph.execution.arguments import Arguments
from graph.execution.columns import Column, getter, identities, leaves
from graph.execution.completion import Completed, Completer, LeafCompleter
from graph.execution.edge import Door, Edge, Identity, Leaf, Root, Spec, Stream, answered
from graph.execution.edge import run as run_edge
from graph.execution.failures import Failed
from graph.execution.places import Places, UnderKey
from graph.execution.run import Run
from graph.ids import encode
from resolvers.audit import Concern
from resolvers.errors import Forbidden

_NO_ARGUMENTS: Final[tuple[Any, ...]] = ()


class FieldPlan:
    """One response key of a selection."""

    __slots__ = (
        "arguments",
        "asynchronous",
        "attribute",
        "completer",
        "key",
        "name",
        "nodes",
        "parent",
        "spec",
        "waits",
    )

    def __init__(
        self,
        key: str,
        nodes: list[FieldNode],
        parent: GraphQLObjectType,
        attribute: str,
        spec: Spec,
        arguments: Arguments | None,
        completer: Completer,
    ) -> None:
        self.key = key
        self.nodes = nodes
        self.parent = parent
        self.name = nodes[0].name.value
        self.attribute = attribute
        self.spec = spec
        self.arguments = arguments
        self.completer = completer
        self.asynchronous = isinstance(spec, (Edge, Root, Stream)) or completer.asynchronous
        # Whether a store is asked, here or below. Edges that ask none have their values at once.
        asks = not isinstance(spec, Edge) or bool(spec.calls)
        self.waits = completer.asynchronous or (self.asynchronous and asks)

    def null_error(self, path: list[str | int]) -> GraphQLError:
        """Null where the schema promises a value."""
        message = f"Cannot return null for non-nullable field {self.parent}.{self.name}."
        return GraphQLError(message, self.nodes, path=path, original_error=TypeError(message))

    def quick(self, kind: type[Any]) -> Column | None:
        """What completes the field of records of this type where nothing is odd; None where it is always looked at
        closely: behind a door, a list, an object."""
        spec = self.spec
        if isinstance(spec, Identity):
            return identities(self.parent.name, getter(kind, self.attribute))
        if isinstance(spec, Leaf) and spec.door is None and isinstance(self.completer, LeafCompleter):
            return leaves(self.completer, spec.read or getter(kind, self.attribute))
        return None

    def column(self, run: Run, records: Sequence[Any], places: Places) -> Completed:
        """The field's values for all records, where nothing has to be waited for."""
        return self.completer.complete(run, self, self._read(run, records), UnderKey(places, self.key))

    async def column_later(self, run: Run, records: Sequence[Any], places: Places) -> Completed:
        """The field's values for all records."""
        spec = self.spec
        values = await self._gathered(run, spec, records) if isinstance(spec, Edge) else self._read(run, records)
        return await self.completer.complete_later(run, self, values, UnderKey(places, self.key))

    async def root(self, run: Run, places: Places) -> Completed:
        """The value of a field of Query or Mutation; that of Subscription is the event."""
        if isinstance(self.spec, Stream):
            return await self.completer.complete_later(run, self, [run.event], UnderKey(places, self.key))
        assert isinstance(self.spec, Root)
        assert self.arguments is not None
        try:
            asked = answered(self.spec, run.operation, self.arguments.given(run.variables))
            value = await run.operation.deadline.within(asked)
        except Exception as error:
            value = error
        return await self.completer.complete_later(run, self, [value], UnderKey(places, self.key))

    async def _gathered(self, run: Run, spec: Edge, records: Sequence[Any]) -> list[Any]:
        try:
            arguments = self.arguments.requests(run.variables) if self.arguments is not None else _NO_ARGUMENTS
        except Exception as error:
            return [error] * len(records)
        return await run_edge(spec, run.operation, records, arguments)

    def _read(self, run: Run, records: Sequence[Any]) -> list[Any]:
        spec = self.spec
        if isinstance(spec, Identity):
            return self._identities(records)
        assert isinstance(spec, Leaf)
        if spec.door is None:
            return self._values(spec, records)
        try:
            allowed = spec.door(run.operation.scope, records)
        except Exception:
            return self._behind(spec, spec.door, run.operation.scope, records)
        if len(allowed) == len(records) and all(allowed):
            return self._values(spec, records)
        seen = iter(self._values(spec, [record for record, yes in zip(records, allowed, strict=True) if yes]))
        return [next(seen) if yes else Forbidden() for yes in allowed]

    def _identities(self, records: Sequence[Any]) -> list[Any]:
        type_name = self.parent.name
        return [_tried(lambda each: encode(type_name, getattr(each, self.attribute)), record) for record in records]

    def _behind(self, spec: Leaf, door: Door, scope: Any, records: Sequence[Any]) -> list[Any]:
        """Record by record, where the door broke for one of them."""

        def read(record: Any) -> Any:
            if not door(scope, [record])[0]:
                raise Forbidden
            return spec.read(record) if spec.read is not None else getattr(record, self.attribute)

        return [_tried(read, record) for record in records]

    def _values(self, spec: Leaf, records: Sequence[Any]) -> list[Any]:
        read = spec.read or attrgetter(self.attribute)
        try:
            return list(map(read, records))
        except Exception:
            return [_tried(read, record) for record in records]


def _tried(read: Callable[[Any], Any], record: Any) -> Any:
    try:
        return read(record)
    except Exception as error:
        return error


class ObjectPlan:
    """A selection on one concrete type."""

    __slots__ = (
        "_build",
        "_constants",
        "_later",
        "_names",
        "_now",
        "_quick",
        "_soon",
        "asynchronous",
        "concern",
        "fields",
        "kind",
    )

    def __init__(
        self,
        kind: GraphQLObjectType,
        keys: Sequence[str],
        fields: dict[str, FieldPlan],
        concern: Concern | None = None,
    ) -> None:
        """`keys` in the order of the answer; those without a field are `__typename`. `concern`: what the audit log
        hears where an administrator reads this."""
        self.kind = kind
        self.fields = fields
        self.concern = concern if fields else None
        self._names = frozenset(f"{kind.name}.{field.name}" for field in fields.values())
        places = [(position, fields[key]) for position, key in enumerate(keys) if key in fields]
        self._now = [(position, field) for position, field in places if not field.asynchronous]
        self._soon = [(position, field) for position, field in places if field.asynchronous and not field.waits]
        self._later = [(position, field) for position, field in places if field.waits]
        self._quick: dict[type[Any], list[Column | None]] = {}
        self._constants = [position for position, key in enumerate(keys) if key not in fields]
        self._build = _builder(keys)
        self.asynchronous = any(field.asynchronous for _, field in places)

    def run(self, run: Run, records: Sequence[Any], places: Places) -> Completed:
        """The objects of a level without edges below."""
        columns, failed = self._columns(run, records, places)
        return self._objects(columns, failed, len(records))

    async def run_later(self, run: Run, records: Sequence[Any], places: Places) -> Completed:
        """The objects of a level; its edges are asked side by side. Nobody there, nobody asked."""
        if not records:
            return Completed([], False)
        columns, failed = self._columns(run, records, places)
        for position, field in self._soon:
            columns[position], broken = await field.column_later(run, records, places)
            failed = failed or broken
        if self._later:
            done = await run.together([field.column_later(run, records, places) for _, field in self._later])
            for (position, _), (values, broken) in zip(self._later, done, strict=True):
                columns[position] = values
                failed = failed or broken
        return self._objects(columns, failed, len(records))

    async def run_root(self, run: Run, places: Places, *, serially: bool) -> Completed:
        """The one object at the top."""
        columns, failed = self._columns(run, [None], places)
        if serially:
            for position, field in self._later:
                columns[position], broken = await field.root(run, places)
                if broken:
                    # There is no answer any more: what comes after it must not happen.
                    return Completed(columns[position], True)
            return self._objects(columns, failed, 1)
        done = await run.together([field.root(run, places) for _, field in self._later])
        for (position, _), (values, broken) in zip(self._later, done, strict=True):
            columns[position] = values
            failed = failed or broken
        return self._objects(columns, failed, 1)

    def _columns(self, run: Run, records: Sequence[Any], places: Places) -> tuple[list[Any], bool]:
        if self.concern is not None and run.operation.reads is not None:
            run.operation.reads.saw(self.concern, self._names, records)
        columns: list[Any] = [None] * (len(self.fields) + len(self._constants))
        failed = False
        for position in self._constants:
            columns[position] = [self.kind.name] * len(records)
        if not self._now:
            return columns, False
        for (position, field), quick in zip(self._now, self._quick_for(records), strict=True):
            values = quick(records) if quick is not None else None
            if values is None:
                values, broken = field.column(run, records, places)
                failed = failed or broken
            columns[position] = values
        return columns, failed

    def _quick_for(self, records: Sequence[Any]) -> list[Column | None]:
        """The quick columns, one for each field."""
        kinds = set(map(type, records))
        kind = kinds.pop() if len(kinds) == 1 else None
        if kind is None:
            return [None] * len(self._now)
        quick = self._quick.get(kind)
        if quick is None:
            quick = self._quick[kind] = [field.quick(kind) for _, field in self._now]
        return quick

    def _objects(self, columns: list[list[Any]], failed: bool, count: int) -> Completed:
        # Without a column (fragments on other types, @skip) nothing else says how many objects there are.
        objects = self._build(columns) if columns else [{} for _ in range(count)]
        if not failed:
            return Completed(objects, False)
        for position in range(len(objects)):
            # The first in the order of the answer, as if the fields had been completed one after the other.
            broken = next((column[position] for column in columns if type(column[position]) is Failed), None)
            if broken is not None:
                objects[position] = broken
        return Completed(objects, True)


def _builder(keys: Sequence[str]) -> Callable[[list[list[Any]]], list[Any]]:
    """A function that makes objects from columns: one dict display per object, without a loop over its fields.

    Keys are GraphQL names ([_A-Za-z0-9]), so that they stand in source text as they are."""
    names = [f"v{number}" for number in range(len(keys))]
    display = ", ".join(f"{key!r}: {name}" for key, name in zip(keys, names, strict=True))
    if len(keys) == 1:
        source = f"lambda columns: [{{{display}}} for {names[0]} in columns[0]]"
    else:
        source = f"lambda columns: [{{{display}}} for ({', '.join(names)}) in zip(*columns)]"
    build: Callable[[list[list[Any]]], list[Any]] = eval(source, {"zip": zip})
    return build

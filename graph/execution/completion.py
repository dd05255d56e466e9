"""How do a level's values become parts of the answer? Leaves serialised, lists flattened, objects handed to plans.

Every completer takes the values of one field for a whole level and answers an aligned list. A value that may not be
null and is, or failed, is a `Failed` in that list; it becomes null where the schema allows null, and its error is
reported there. This is what graphql-core does value by value.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from math import isfinite
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias

from graphql import (
    GraphQLAbstractType,
    GraphQLBoolean,
    GraphQLEnumType,
    GraphQLError,
    GraphQLFloat,
    GraphQLID,
    GraphQLInt,
    GraphQLLeafType,
    GraphQLString,
    Undefined,
    is_union_type,
)
from graphql.pyutils import inspect, is_iterable
from strawberry.exceptions import WrongReturnTypeForUnion

from graph.execution.failures import Failed, Failures
from graph.execution.places import InLists, Places, Some
from graph.types.scalars import TOGETHER

if TYPE_CHECKING:
    from graph.execution.plan import FieldPlan, ObjectPlan
    from graph.execution.run import Run

_NONE: Final = type(None)
_UNDEFINED: Final = type(Undefined)
_LARGEST_INT: Final = 2_147_483_647


class Completed(NamedTuple):
    """Values of the answer; `failed` where some of them are `Failed`."""

    values: list[Any]
    failed: bool


class Completer:
    """Base: what is the same for every kind of type."""

    asynchronous = False

    def __init__(self, *, nullable: bool) -> None:
        self.nullable = nullable

    def complete(self, run: Run, field: FieldPlan, values: Sequence[Any], places: Places) -> Completed:
        """Complete what needs no waiting."""
        raise TypeError(f"{type(self).__name__} waits")

    async def complete_later(self, run: Run, field: FieldPlan, values: Sequence[Any], places: Places) -> Completed:
        """Complete what may have edges below."""
        return self.complete(run, field, values, places)

    def settled(self, run: Run, field: FieldPlan, values: list[Any], places: Places) -> Completed:
        """Values of which some may be None or `Failed`, as this position allows."""
        failed = False
        if self.nullable:
            for position, value in enumerate(values):
                if type(value) is Failed:
                    run.errors.append(value.error)
                    values[position] = None
            return Completed(values, False)
        for position, value in enumerate(values):
            if value is None:
                values[position] = Failed(field.null_error(places.path(position)))
                failed = True
            elif type(value) is Failed:
                failed = True
        return Completed(values, failed)


class LeafCompleter(Completer):
    """Scalars and enums: the whole column is looked at once, value by value only where something is odd."""

    def __init__(self, kind: GraphQLLeafType, *, nullable: bool) -> None:
        super().__init__(nullable=nullable)
        self.kind = kind
        self.plainly = _plainly(kind, nullable=nullable)

    def complete(self, run: Run, field: FieldPlan, values: Sequence[Any], places: Places) -> Completed:
        """The column as the answer holds it."""
        completed = self.plainly(list(values))
        return Completed(completed, False) if completed is not None else self._slowly(run, field, values, places)

    def _slowly(self, run: Run, field: FieldPlan, values: Sequence[Any], places: Places) -> Completed:
        completed: list[Any] = []
        failures = Failures(field, places)
        for position, value in enumerate(values):
            if value is None or value is Undefined:
                completed.append(None)
                continue
            try:
                if isinstance(value, Exception):
                    raise value
                completed.append(_coerced(self.kind, value))
            except Exception as error:
                completed.append(failures.at(position, error))
        return self.settled(run, field, completed, places)


def _coerced(kind: GraphQLLeafType, value: Any) -> Any:
    coerced = kind.coerce_output_value(value)
    if coerced is Undefined or coerced is None:
        raise TypeError(
            f"Expected `{inspect(kind)}.coerce_output_value({inspect(value)})` to return non-nullable value, "
            f"returned: {inspect(coerced)}"
        )
    return coerced


Plainly: TypeAlias = Callable[[list[Any]], list[Any] | None]
"""The values of a column as the answer holds them, perhaps the same list; None where one must be looked at closely."""


def _plainly(kind: GraphQLLeafType, *, nullable: bool) -> Plainly:
    if kind is GraphQLString or kind is GraphQLID:
        return _as_they_are(str, None, nullable=nullable)
    if kind is GraphQLBoolean:
        return _as_they_are(bool, None, nullable=nullable)
    if kind is GraphQLInt:
        return _as_they_are(int, _within_int, nullable=nullable)
    if kind is GraphQLFloat:
        return _as_they_are(float, _finite, nullable=nullable)
    if isinstance(kind, GraphQLEnumType):
        names = {member.value: name for name, member in kind.values.items()}
        return _converted(names.__getitem__, nullable=nullable)
    return _converted(kind.coerce_output_value, TOGETHER.get(kind.name), nullable=nullable)


def _as_they_are(same: type, check: Callable[[Sequence[Any], bool], bool] | None, *, nullable: bool) -> Plainly:
    """Values that stand for themselves."""
    allowed = frozenset((same, _NONE) if nullable else (same,))

    def plainly(values: list[Any]) -> list[Any] | None:
        kinds = set(map(type, values))
        if not kinds <= allowed or (check is not None and same in kinds and not check(values, _NONE in kinds)):
            return None
        return values

    return plainly


def _converted(convert: Callable[[Any], Any], together: Plainly | None = None, *, nullable: bool) -> Plainly:
    """Values of which a function makes others, perhaps of all `together`."""
    # Types that have been met, and are values.
    plain: set[type] = set()

    def plainly(values: list[Any]) -> list[Any] | None:
        kinds = set(map(type, values))
        some_null = _NONE in kinds
        if some_null:
            if not nullable:
                return None
            kinds.discard(_NONE)
        if not kinds <= plain:
            if any(map(_is_odd, kinds)):
                return None
            plain.update(kinds)
        there = [value for value in values if value is not None] if some_null else values
        try:
            completed = together(there) if together is not None and there else None
            if completed is None:
                completed = list(map(convert, there))
        except Exception:
            return None
        if None in completed:
            return None
        if not some_null:
            return completed
        given = iter(completed)
        return [None if value is None else next(given) for value in values]

    return plainly


def _is_odd(kind: type[Any]) -> bool:
    """Whether values of this type are no values: a scalar's own function would make something of them."""
    return kind is _UNDEFINED or issubclass(kind, Exception)


def _within_int(values: Sequence[Any], some_null: bool) -> bool:
    numbers = [value for value in values if value is not None] if some_null else values
    return bool(max(numbers) <= _LARGEST_INT and min(numbers) >= -_LARGEST_INT - 1)


def _finite(values: Sequence[Any], some_null: bool) -> bool:
    return all(map(isfinite, [value for value in values if value is not None] if some_null else values))


class ListCompleter(Completer):
    """Lists: all items of all lists are one level below."""

    def __init__(self, inner: Completer, *, nullable: bool) -> None:
        super().__init__(nullable=nullable)
        self.inner = inner
        self.asynchronous = inner.asynchronous

    def complete(self, run: Run, field: FieldPlan, values: Sequence[Any], places: Places) -> Completed:
        """Lists of what needs no waiting."""
        flat = _Flat(field, values, places)
        inner = self.inner.complete(run, field, flat.items, flat.places)
        return self._folded(run, field, flat, inner, places)

    async def complete_later(self, run: Run, field: FieldPlan, values: Sequence[Any], places: Places) -> Completed:
        """Lists of what may have edges below."""
        flat = _Flat(field, values, places)
        if not flat.items:
            return self._folded(run, field, flat, Completed([], False), places)
        inner = await self.inner.complete_later(run, field, flat.items, flat.places)
        return self._folded(run, field, flat, inner, places)

    def _folded(self, run: Run, field: FieldPlan, flat: _Flat, inner: Completed, places: Places) -> Completed:
        completed: list[Any] = []
        start = 0
        for length in flat.lengths:
            if not isinstance(length, int):
                completed.append(length)
                continue
            items = inner.values[start : start + length]
            start += length
            broken = next((item for item in items if type(item) is Failed), None) if inner.failed else None
            completed.append(broken if broken is not None else items)
        if not inner.failed and not flat.odd:
            return Completed(completed, False)
        return self.settled(run, field, completed, places)


class _Flat:
    """The items of many lists in a row. `lengths` says where each list ends; None or `Failed` where there is none."""

    __slots__ = ("items", "lengths", "odd", "places")

    def __init__(self, field: FieldPlan, values: Sequence[Any], places: Places) -> None:
        self.items: list[Any] = []
        self.lengths: list[int | Failed | None] = []
        self.odd = False
        failures: Failures | None = None
        for position, value in enumerate(values):
            if type(value) is list or type(value) is tuple:
                self.items.extend(value)
                self.lengths.append(len(value))
                continue
            if value is None or value is Undefined:
                self.odd = True
                self.lengths.append(None)
                continue
            try:
                items = _listed(field, value)
                self.items.extend(items)
                self.lengths.append(len(items))
            except Exception as error:
                self.odd = True
                failures = failures or Failures(field, places)
                self.lengths.append(failures.at(position, error))
        self.places = _Lazily(places, self.lengths)


def _listed(field: FieldPlan, value: Any) -> list[Any]:
    if isinstance(value, Exception):
        raise value
    if not is_iterable(value):
        raise GraphQLError(f"Expected Iterable, but did not find one for field '{field.parent}.{field.name}'.")
    items: Iterable[Any] = value
    return list(items)


class _Lazily(Places):
    """The places of flattened items, worked out only when one of them failed."""

    __slots__ = ("above", "lengths", "worked_out")

    def __init__(self, above: Places, lengths: Sequence[Any]) -> None:
        self.above = above
        self.lengths = lengths
        self.worked_out: InLists | None = None

    def path(self, position: int) -> list[str | int]:
        """The list's path and the item's index."""
        if self.worked_out is None:
            pairs = [
                (owner, index)
                for owner, length in enumerate(self.lengths)
                if isinstance(length, int)
                for index in range(length)
            ]
            self.worked_out = InLists(self.above, [owner for owner, _ in pairs], [index for _, index in pairs])
        return self.worked_out.path(position)


class ObjectCompleter(Completer):
    """Objects of one type: the plan of their selection runs over all of them."""

    def __init__(self, plan: ObjectPlan, record: type[Any] | None, *, nullable: bool) -> None:
        super().__init__(nullable=nullable)
        self.plan = plan
        self.record = record
        self.asynchronous = plan.asynchronous
        # Types of records that have been met.
        self._known: set[type] = set()

    def complete(self, run: Run, field: FieldPlan, values: Sequence[Any], places: Places) -> Completed:
        """Objects without edges below."""
        kept, completed = self._sorted_out(field, values, places)
        if kept is None:
            return self._whole(run, field, self.plan.run(run, values, places), places)
        records = [values[position] for position in kept]
        return self._scattered(run, field, kept, completed, self.plan.run(run, records, Some(places, kept)), places)

    async def complete_later(self, run: Run, field: FieldPlan, values: Sequence[Any], places: Places) -> Completed:
        """Objects with edges below; no objects, no calls."""
        if not self.asynchronous:
            return self.complete(run, field, values, places)
        kept, completed = self._sorted_out(field, values, places)
        if kept is None:
            return self._whole(run, field, await self.plan.run_later(run, values, places), places)
        records = [values[position] for position in kept]
        done = await self.plan.run_later(run, records, Some(places, kept)) if kept else Completed([], False)
        return self._scattered(run, field, kept, completed, done, places)

    def _sorted_out(
        self, field: FieldPlan, values: Sequence[Any], places: Places
    ) -> tuple[list[int] | None, list[Any]]:
        """None where every value is an object; else which are, and a list with the failures of the others."""
        kinds = set(map(type, values))
        if kinds <= self._known:
            return None, []
        if all(map(self._is_object, kinds)):
            self._known.update(kinds)
            return None, []
        kept: list[int] = []
        failures = Failures(field, places)
        completed: list[Any] = [None] * len(values)
        for position, value in enumerate(values):
            if value is None or value is Undefined:
                continue
            if isinstance(value, Exception):
                completed[position] = failures.at(position, value)
            elif self._is_object(type(value)):
                kept.append(position)
            else:
                wrong = GraphQLError(
                    f"Expected value of type '{self.plan.kind}' but got: {inspect(value)}.", field.nodes
                )
                completed[position] = failures.at(position, wrong)
        return kept, completed

    def _is_object(self, kind: type[Any]) -> bool:
        if kind is _NONE or _is_odd(kind):
            return False
        return self.record is None or issubclass(kind, self.record)

    def _whole(self, run: Run, field: FieldPlan, done: Completed, places: Places) -> Completed:
        return self.settled(run, field, done.values, places) if done.failed else done

    def _scattered(
        self, run: Run, field: FieldPlan, kept: list[int], completed: list[Any], done: Completed, places: Places
    ) -> Completed:
        for position, value in zip(kept, done.values, strict=True):
            completed[position] = value
        return self.settled(run, field, completed, places)


class AbstractCompleter(Completer):
    """Interfaces and unions: the level is grouped by concrete type, one plan runs over each group."""

    asynchronous = True

    def __init__(
        self, kind: GraphQLAbstractType, members: Sequence[tuple[type[Any], ObjectCompleter]], *, nullable: bool
    ) -> None:
        super().__init__(nullable=nullable)
        self.kind = kind
        self.members = members

    async def complete_later(self, run: Run, field: FieldPlan, values: Sequence[Any], places: Places) -> Completed:
        """Objects of any of the types."""
        completed: list[Any] = [None] * len(values)
        groups: dict[int, list[int]] = {}
        failures = Failures(field, places)
        for position, value in enumerate(values):
            if value is None or value is Undefined:
                continue
            member = self._member(value)
            if isinstance(value, Exception):
                completed[position] = failures.at(position, value)
            elif member is None:
                completed[position] = failures.at(position, self._unknown(field, value))
            else:
                groups.setdefault(member, []).append(position)

        async def group(member: int, positions: list[int]) -> None:
            plan = self.members[member][1].plan
            records = [values[position] for position in positions]
            done = await plan.run_later(run, records, Some(places, positions))
            for position, value in zip(positions, done.values, strict=True):
                completed[position] = value

        await run.together([group(member, positions) for member, positions in groups.items()])
        return self.settled(run, field, completed, places)

    def _member(self, value: Any) -> int | None:
        return next((at for at, (record, _) in enumerate(self.members) if isinstance(value, record)), None)

    def _unknown(self, field: FieldPlan, value: Any) -> Exception:
        if is_union_type(self.kind):
            return WrongReturnTypeForUnion(field.name, str(type(value)))
        name = self.kind.name
        return GraphQLError(
            f"Abstract type '{name}' must resolve to an Object type at runtime for field "
            f"'{field.parent}.{field.name}'. Either the '{name}' type should provide a 'resolve_type' function "
            "or each possible type should provide an 'is_type_of' function.",
            field.nodes,
        )

"""How are plain fields of a level read and completed in one go? By a function made once for each field and record type.

Nearly all values of an answer are attributes of records that stand for themselves, or become text by one function. For
those the walk of `completion.py` (who may be null, what is odd, where did it fail) pays only where a value is odd: a
`Column` looks at the types of all values at once and answers None where one of them is not plain. The field is then
completed the long way, from the beginning.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import attrgetter, itemgetter
from typing import Any, Final, TypeAlias

from graph.execution.completion import LeafCompleter, is_odd
from graph.ids import encoder

Column: TypeAlias = Callable[[Sequence[Any]], list[Any] | None]
"""The completed values of records of one type; None where they must be looked at one by one."""

_NONE: Final = type(None)


def getter(kind: type[Any], attribute: str) -> Callable[[Any], Any]:
    """What reads an attribute of such records. They are read by position: rows by their columns, named tuples by their
    fields."""
    names: Any = getattr(kind, "columns", None) or getattr(kind, "_fields", ())
    return itemgetter(names.index(attribute)) if attribute in names else attrgetter(attribute)


def identities(type_name: str, read: Callable[[Any], Any]) -> Column:
    """The global ids of records of one GraphQL type."""
    encode = encoder(type_name)

    def column(records: Sequence[Any]) -> list[Any] | None:
        try:
            return list(map(encode, map(read, records)))
        except Exception:
            return None

    return column


def leaves(completer: LeafCompleter, read: Callable[[Any], Any]) -> Column:
    """A scalar or an enum of each record."""
    if completer.convert is None:
        assert completer.same is not None
        return _as_they_are(completer, completer.same, read)
    return _converted(completer.convert, read, nullable=completer.nullable)


def _as_they_are(completer: LeafCompleter, same: type, read: Callable[[Any], Any]) -> Column:
    allowed = frozenset((same, _NONE) if completer.nullable else (same,))
    check = completer.check

    def column(records: Sequence[Any]) -> list[Any] | None:
        try:
            values = list(map(read, records))
        except Exception:
            return None
        kinds = set(map(type, values))
        if not kinds <= allowed or (check is not None and same in kinds and not check(values, _NONE in kinds)):
            return None
        return values

    return column


def _converted(convert: Callable[[Any], Any], read: Callable[[Any], Any], *, nullable: bool) -> Column:
    # Types that have been met, and are no exceptions.
    plain: set[type] = set()

    def column(records: Sequence[Any]) -> list[Any] | None:
        try:
            values = list(map(read, records))
            kinds = set(map(type, values))
            some_null = _NONE in kinds
            if some_null:
                if not nullable:
                    return None
                kinds.discard(_NONE)
            if not kinds <= plain:
                if any(map(is_odd, kinds)):
                    return None
                plain.update(kinds)
            if some_null:
                return [None if value is None else convert(value) for value in values]
            completed = list(map(convert, values))
        except Exception:
            return None
        return completed if None not in completed else None

    return column

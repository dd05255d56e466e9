"""How are plain fields of a level read and completed in one go? By a function made once for each field and record type.

Nearly all values of an answer are attributes of records, and plain (`completion.py`). A `Column` reads and completes
all of them and answers None where one is not there or is odd: the field is then read and completed the long way, which
knows who may be null, what failed and where.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import attrgetter, itemgetter
from typing import Any, TypeAlias

from graph.execution.completion import LeafCompleter
from graph.ids import encode_all

Column: TypeAlias = Callable[[Sequence[Any]], list[Any] | None]
"""The completed values of records of one type; None where they must be looked at one by one."""


def getter(kind: type[Any], attribute: str) -> Callable[[Any], Any]:
    """What reads an attribute of such records. They are read by position: rows by their columns, named tuples by their
    fields."""
    names: Any = getattr(kind, "columns", None) or getattr(kind, "_fields", ())
    return itemgetter(names.index(attribute)) if attribute in names else attrgetter(attribute)


def identities(type_name: str, read: Callable[[Any], Any]) -> Column:
    """The global ids of records of one GraphQL type."""

    def column(records: Sequence[Any]) -> list[Any] | None:
        try:
            return encode_all(type_name, map(read, records))
        except Exception:
            return None

    return column


def leaves(completer: LeafCompleter, read: Callable[[Any], Any]) -> Column:
    """A scalar or an enum of each record."""
    plainly = completer.plainly

    def column(records: Sequence[Any]) -> list[Any] | None:
        try:
            values = list(map(read, records))
        except Exception:
            return None
        return plainly(values)

    return column

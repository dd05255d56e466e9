"""What should a list hold, and in which order? Said once more in plain Python, to compare the stores' answer with."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from graph.ids import encode


class Term(NamedTuple):
    """One term of an order: the field's GraphQL name, the row's attribute, whether it goes down."""

    field: str
    attribute: str
    descending: bool = False

    @property
    def input(self) -> dict[str, str]:
        """As `orderBy` takes it."""
        return {"field": self.field, "direction": "DESC" if self.descending else "ASC"}


def ordered(rows: Sequence[Any], terms: Sequence[Term]) -> list[Any]:
    """Rows in an order: nulls last either way, the id decides in the direction of the last term."""
    found = sorted(rows, key=lambda row: row.id.bytes, reverse=terms[-1].descending)
    for term in reversed(terms):
        there = [row for row in found if getattr(row, term.attribute) is not None]
        absent = [row for row in found if getattr(row, term.attribute) is None]
        found = sorted(there, key=lambda row: getattr(row, term.attribute), reverse=term.descending) + absent
    return found


def ids(type_name: str, rows: Sequence[Any]) -> list[str]:
    """The global ids of rows."""
    return [encode(type_name, row.id) for row in rows]


@dataclass(frozen=True)
class Window:
    """A part of a list: `first` or `last`, after and before positions of it (None: open)."""

    size: int
    backward: bool = False
    after: int | None = None
    before: int | None = None

    def of(self, whole: Sequence[str]) -> list[str]:
        """The part."""
        begin = 0 if self.after is None else self.after + 1
        end = len(whole) if self.before is None else self.before
        part = list(whole[begin : max(begin, end)])
        return part[-self.size :] if self.backward else part[: self.size]


def matching(rows: Sequence[Any], keep: Callable[[Any], bool]) -> set[Any]:
    """The ids of the rows that a filter keeps."""
    return {row.id for row in rows if keep(row)}

"""Where in the answer did something fail? Exceptions as values, each with its path."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from graphql import GraphQLError
from graphql.error import located_error

from graph.execution.places import Places

if TYPE_CHECKING:
    from graph.execution.plan import FieldPlan

# What an error is made of, its path aside.
_MEMBERS: Final = (
    *(name for name in GraphQLError.__slots__ if name != "path"),
    *("__cause__", "__context__", "__suppress_context__", "__traceback__"),
)


class Failed:
    """A value that could not be had where null is not allowed."""

    __slots__ = ("error",)

    def __init__(self, error: GraphQLError) -> None:
        self.error = error


class Failures:
    """The exceptions of one field at their places in the answer. Where a whole batch failed, one exception stands at
    many places: graphql-core locates it once, the rest are copies with paths of their own."""

    __slots__ = ("_field", "_last", "_located", "_places")

    def __init__(self, field: FieldPlan, places: Places) -> None:
        self._field = field
        self._places = places
        self._last: Exception | None = None
        self._located: GraphQLError | None = None

    def at(self, position: int, error: Exception) -> Failed:
        """An exception at this position of the level."""
        path = self._places.path(position)
        if error is self._last and self._located is not None:
            return Failed(_elsewhere(self._located, path))
        located = located_error(error, self._field.nodes, path)
        if located is not error:  # else it brings a path of its own
            self._last, self._located = error, located
        return Failed(located)


def _elsewhere(located: GraphQLError, path: list[str | int]) -> GraphQLError:
    copy: GraphQLError = GraphQLError.__new__(GraphQLError, located.message)
    for name in _MEMBERS:
        setattr(copy, name, getattr(located, name))
    copy.path = path or None
    return copy

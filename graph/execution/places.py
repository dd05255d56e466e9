"""Where in the answer does a value stand? Paths are only walked when something failed there.

A level is a flat list; each step down keeps, for every value, which value above it came from.
"""

from __future__ import annotations

from collections.abc import Sequence


class Places:
    """The places of a level's values; this one is the top, of one value."""

    __slots__ = ()

    def path(self, position: int) -> list[str | int]:
        """The response path of the value at this position of the level."""
        return []


class UnderKey(Places):
    """The values of one field, one for each object above."""

    __slots__ = ("above", "key")

    def __init__(self, above: Places, key: str) -> None:
        self.above = above
        self.key = key

    def path(self, position: int) -> list[str | int]:
        """The object's path and the field's key."""
        return [*self.above.path(position), self.key]


class InLists(Places):
    """The items of lists, one after the other."""

    __slots__ = ("above", "indices", "owners")

    def __init__(self, above: Places, owners: Sequence[int], indices: Sequence[int]) -> None:
        self.above = above
        self.owners = owners
        self.indices = indices

    def path(self, position: int) -> list[str | int]:
        """The list's path and the item's index."""
        return [*self.above.path(self.owners[position]), self.indices[position]]


class Some(Places):
    """Some of the values above: those that are there, or of one type."""

    __slots__ = ("above", "kept")

    def __init__(self, above: Places, kept: Sequence[int]) -> None:
        self.above = above
        self.kept = kept

    def path(self, position: int) -> list[str | int]:
        """The path of the value that was kept."""
        return self.above.path(self.kept[position])

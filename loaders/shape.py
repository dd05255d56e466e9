"""How is a record written down, and read back as what it was? As JSON by position, and strictly.

A text that another shape wrote, or somebody else, is refused: no record is better than a wrong one. Which fields a
record has is decided where it is declared, so a field that could not come back the same is refused there.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from hashlib import sha256
from types import NoneType, UnionType
from typing import Any, Final, Generic, TypeVar, Union, get_args, get_origin, get_type_hints
from uuid import UUID

import orjson

R = TypeVar("R")
Reader = Callable[[Any], Any]

_FROM_TEXT: Final[dict[Any, Reader]] = {
    UUID: UUID,
    datetime: datetime.fromisoformat,
    date: date.fromisoformat,
}


class Unwritable(TypeError):
    """A record holds what would not come back the same."""


class Shape(Generic[R]):
    """The fields of one NamedTuple: str, int, float, bool, UUID, datetime, date, None, tuple[X, ...], and NamedTuples
    of these. `digest` is another for other fields, and for another `version` of the same ones."""

    __slots__ = ("_read", "digest", "record")

    def __init__(self, record: type[R], *, version: int = 1) -> None:
        """Raises Unwritable where `record` is no such NamedTuple."""
        if not _is_named_tuple(record):
            # A row of PostgreSQL too: its driver makes rows, and nobody else can.
            raise Unwritable(f"{record.__qualname__} is no NamedTuple")
        self.record = record
        self._read = _reader(record)
        self.digest = sha256(f"{version} {_described(record)}".encode()).hexdigest()[:12]

    def written(self, record: R) -> str:
        """The record as text. Raises TypeError where a value is not of its field's type and JSON has no word for it."""
        return orjson.dumps(record, default=_plain).decode()

    def read(self, text: str) -> R:
        """The record that was written. Raises ValueError for any other text."""
        record: R = self._read(orjson.loads(text))
        return record


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return list(value)
    if isinstance(value, UUID):  # asyncpg's own, which orjson does not take for one
        return str(value)
    raise TypeError(f"{type(value).__qualname__} has no text")


def _is_named_tuple(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, tuple) and hasattr(kind, "_fields")


def _described(kind: Any) -> str:
    if _is_named_tuple(kind):
        hints = get_type_hints(kind)
        return f"({', '.join(f'{name}: {_described(hints[name])}' for name in kind._fields)})"
    return f"{get_origin(kind) or kind}[{', '.join(map(_described, get_args(kind)))}]"


def _reader(kind: Any) -> Reader:
    """What turns JSON into a value of this type; it raises ValueError for any other JSON. Raises Unwritable."""
    if _is_named_tuple(kind):
        return _named_tuple(kind)
    if kind in _FROM_TEXT:
        return _text(kind, _FROM_TEXT[kind])
    if kind is float:  # orjson writes a float that is whole as one, but a field may hold an int
        return lambda value: float(_exactly(value, float, int))
    if kind in (str, int, bool, NoneType):
        return lambda value: _exactly(value, kind)
    members = get_args(kind)
    if get_origin(kind) in (Union, UnionType) and len(members) == 2 and NoneType in members:
        of_value = _reader(next(each for each in members if each is not NoneType))
        return lambda value: None if value is None else of_value(value)
    if get_origin(kind) is tuple and len(members) == 2 and members[1] is Ellipsis:
        of_item = _reader(members[0])
        return lambda value: tuple(map(of_item, _exactly(value, list)))
    raise Unwritable(f"a field of type {kind} would not come back the same")


def _named_tuple(kind: Any) -> Reader:
    hints = get_type_hints(kind)
    readers = [_reader(hints[name]) for name in kind._fields]

    def read(value: Any) -> Any:
        values = _exactly(value, list)
        if len(values) != len(readers):
            raise ValueError(f"{len(values)} values for {len(readers)} fields")
        return kind(*(reader(each) for reader, each in zip(readers, values, strict=True)))

    return read


def _text(kind: Any, from_text: Reader) -> Reader:
    def read(value: Any) -> Any:
        return from_text(_exactly(value, str))

    return read


def _exactly(value: Any, *kinds: type[Any]) -> Any:
    # `type`, not `isinstance`: True is an int to Python and nothing of the kind here.
    if type(value) not in kinds:
        raise ValueError(f"{type(value).__qualname__} in place of {kinds[0].__qualname__}")
    return value

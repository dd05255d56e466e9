"""What goes wrong in a corpus operation? Failures put into batch functions, root fields, reads and doors.

Whether and how something fails is decided by a hash of the seed, the field, the parent's key and the request, never by
the order of calls: whoever executes meets the same failures. A batch function fails as a whole for its field and
request alone; what one parent does to a level would depend on which parents are asked (see the README).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, fields, replace
from functools import wraps
from typing import Any, Final
from zlib import crc32

from graphql import GraphQLError, GraphQLObjectType, Undefined

from datadir.errors import StoreTimeout, StoreUnavailable
from datadir.names import StoreName
from datadir.stores import StoreHealth
from graph.execution.edge import Edge, Identity, Leaf, Root, spec_of
from graph.schema import graphql_schema
from graph.types.paging import EdgeRecord
from loaders.library import ChunkMatch, ChunkMatches
from loaders.meetings import SegmentPage, TranscriptRecord
from loaders.page import Page
from resolvers.accounts import LogIn
from resolvers.errors import BadUserInput, Forbidden, NotFound
from resolvers.library import SearchEdge
from tests.corpus.memory_records import Held

current: ContextVar[Injection | None] = ContextVar("injection", default=None)


class Odd:
    """A value that fits nowhere, the same in every run."""

    def __repr__(self) -> str:
        return "<odd>"


ODD: Final = Odd()
FAILURES: Final[Sequence[Callable[[], Exception]]] = (
    NotFound,
    Forbidden,
    lambda: BadUserInput("Not so."),
    lambda: StoreUnavailable(StoreName.MONGODB),
    lambda: StoreTimeout(StoreName.REDIS),
    lambda: RuntimeError("a defect"),
    lambda: KeyError("key"),
    lambda: GraphQLError("Refused in GraphQL's own words.", extensions={"code": "OWN"}),
)
VALUES: Final[Sequence[Callable[[], Any]]] = (
    lambda: None,
    lambda: None,
    lambda: None,
    lambda: Undefined,
    lambda: "text",
    lambda: "",
    lambda: 7,
    lambda: 0,
    lambda: True,
    lambda: 2.5,
    lambda: float("nan"),
    lambda: float("inf"),
    lambda: 2**40,
    lambda: ODD,
    lambda: Odd,
    lambda: (),
    lambda: [None],
    lambda: ["text", RuntimeError("an item")],
    dict,
    lambda: {"name": "text"},
    lambda: deque([ODD, None]),
    lambda: range(2),
    lambda: {1: 7}.values(),
    lambda: {"text"},
)
# Attributes that other reads take for keys: spoiling them would make a whole level fail because of one parent.
_KEYS: Final = frozenset({"slices", "position", "transcript_id", "cursors", "request", "listing", "owner", "page"})
_WHOLE: Final = ("raise", "raise", "raise", "short", "short", "long", "none", "number", "empty")
_RECORDS: Final = (Held, Page, SegmentPage, TranscriptRecord, ChunkMatches, LogIn, StoreHealth)


@dataclass(frozen=True, slots=True)
class Injection:
    """The failures of one case: about `rate` of what is asked goes wrong."""

    seed: int
    rate: float

    def _number(self, *place: Any) -> int:
        return crc32(repr((self.seed, *place)).encode("utf-8", "backslashreplace"))

    def happens(self, share: float, *place: Any) -> bool:
        """Whether something goes wrong here, at a share of the rate."""
        return self._number(*place) / 2**32 < self.rate * share

    def failure(self, *place: Any) -> Exception:
        """Which exception it is."""
        return FAILURES[self._number("failure", *place) % len(FAILURES)]()

    def opens(self) -> bool:
        """Whether the viewer's scope can be read."""
        return not self.happens(0.1, "open")

    async def batch(
        self, name: str, real: Any, operation: Any, parents: Sequence[Any], request: tuple[Any, ...]
    ) -> Any:
        """A batch function's answer, spoiled."""
        whole = None
        if self.happens(0.3, name, request, "whole"):
            whole = _WHOLE[self._number(name, request, "how") % len(_WHOLE)]
        if whole == "raise":
            raise self.failure(name, request)
        sane = [each for each in parents if _is_parent(each)]
        answers = iter(await real(operation, sane, *request) if sane else [])
        values = [
            self.spoiled(next(answers), name, key_of(each), request) if _is_parent(each) else RuntimeError("no parent")
            for each in parents
        ]
        if whole == "short":
            return values[:-1]
        if whole == "long":
            return [*values, None]
        return {None: values, "none": None, "number": 7, "empty": []}[whole]

    async def root(self, name: str, real: Any, operation: Any, arguments: dict[str, Any]) -> Any:
        """A root field's answer, spoiled."""
        place = (name, sorted(arguments.items(), key=lambda pair: pair[0]))
        if self.happens(0.2, *place, "root"):
            raise self.failure(*place)
        value = await real(operation, **arguments)
        # Less often than below: there is little to see under a root that failed.
        return self.spoiled(value, *place) if self.happens(3, *place, "at all") else value

    def read(self, name: str, real: Callable[[Any], Any], record: Any) -> Any:
        """What a leaf reads, spoiled."""
        place = (name, key_of(record))
        if self.happens(0.2, *place, "read"):
            raise self.failure(*place)
        return self.replaced(*place) if self.happens(0.2, *place, "value") else real(record)

    def leaf_door(self, name: str, real: Any, scope: Any, records: Sequence[Any]) -> list[bool]:
        """A leaf's door, which may break for single records."""
        for record in records:
            if self.happens(0.2, name, key_of(record), "door"):
                raise self.failure(name, key_of(record))
        answer: list[bool] = real(scope, records)
        return answer

    def edge_door(self, name: str, real: Any, scope: Any, records: Sequence[Any]) -> list[bool]:
        """An edge's door, which may break for the level."""
        if self.happens(0.2, name, "door"):
            raise self.failure(name)
        answer: list[bool] = real(scope, records)
        return answer

    def replaced(self, *place: Any) -> Any:
        """Something else in a value's place: an exception or a value of a wrong type."""
        number = self._number("value", *place)
        return FAILURES[number % len(FAILURES)]() if number % 2 else VALUES[number // 2 % len(VALUES)]()

    def spoiled(self, value: Any, *place: Any) -> Any:
        """The value, something in its place, or the value with something in it spoiled."""
        if self.happens(1, *place):
            return self.replaced(*place)
        if isinstance(value, (list, tuple)) and not hasattr(value, "_fields") and not isinstance(value, Held):
            return [self.spoiled(each, *place, at) for at, each in enumerate(value)]
        if isinstance(value, (Page, SegmentPage, ChunkMatches)):
            value = replace(value, records=[self.spoiled(each, *place, at) for at, each in enumerate(value.records)])
        if not self.happens(1, *place, "attribute"):
            return value
        names = [name for name in _attributes(value) if name not in _KEYS]
        if isinstance(value, TranscriptRecord):
            names.remove("id")
        if not names:
            return value
        name = names[self._number("name", *place) % len(names)]
        # An id is spoiled with a text that has no bytes: there is little else that it cannot be made of.
        new = "\ud800" if name == "id" else self.replaced("attribute", *place)
        return _with(value, name, new)


def _is_parent(value: Any) -> bool:
    return isinstance(value, _RECORDS) or hasattr(value, "_fields")


def _attributes(record: Any) -> Sequence[str]:
    if isinstance(record, Held):
        return record.columns
    if hasattr(record, "_fields"):
        names: Sequence[str] = record._fields
        return names
    return [each.name for each in fields(record)] if isinstance(record, _RECORDS) else []


def _with(record: Any, name: str, value: Any) -> Any:
    if isinstance(record, Held):
        return type(record)(value if each == name else old for each, old in zip(record.columns, record, strict=True))
    return record._replace(**{name: value}) if hasattr(record, "_fields") else replace(record, **{name: value})


def key_of(parent: Any) -> Any:
    """What names a parent wherever it is met; not its place, which an execution may not know."""
    if isinstance(parent, Page):
        return (parent.listing.name, parent.owner, parent.request)
    if isinstance(parent, SegmentPage):
        return ("segments", repr(parent.records))
    if isinstance(parent, ChunkMatches):
        return ("matches", parent.query, repr(parent.records))
    if isinstance(parent, (EdgeRecord, SearchEdge)):
        return (key_of(parent.page), key_of(parent.node))
    if isinstance(parent, ChunkMatch):
        return (parent.position, key_of(parent.chunk))
    return (type(parent).__name__, getattr(parent, "id", None))


@contextmanager
def installed() -> Iterator[None]:
    """Every field of the schema runs through the injection of its context, if there is one."""
    undo: list[tuple[Any, str, Any]] = []
    seen: set[int] = set()

    def put(spec: Any, attribute: str, wrapper: Any) -> None:
        undo.append((spec, attribute, getattr(spec, attribute)))
        object.__setattr__(spec, attribute, wraps(getattr(spec, attribute))(wrapper))

    try:
        for kind in graphql_schema().type_map.values():
            if not isinstance(kind, GraphQLObjectType) or kind.name.startswith("_"):
                continue
            for field_name, field in kind.fields.items():
                definition: Any = field.extensions.get("strawberry-definition")
                spec: Any = spec_of(definition) if definition is not None else None
                if spec is None or id(spec) in seen:
                    continue
                seen.add(id(spec))
                for attribute, wrapper in _wrappers(f"{kind.name}.{field_name}", spec).items():
                    put(spec, attribute, wrapper)
        yield
    finally:
        for spec, attribute, real in reversed(undo):
            object.__setattr__(spec, attribute, real)


def _wrappers(name: str, spec: Edge | Root | Leaf | Identity) -> dict[str, Any]:
    wrappers: dict[str, Any] = {}
    if isinstance(spec, Edge):
        wrappers["batch"] = _batch(name, spec.batch)
    if isinstance(spec, Root):
        wrappers["call"] = _call(name, spec.call)
    if isinstance(spec, Leaf) and spec.read is not None:
        wrappers["read"] = _read(name, spec.read)
    if isinstance(spec, (Leaf, Edge)) and spec.door is not None:
        wrappers["door"] = _door(name, spec.door, "leaf_door" if isinstance(spec, Leaf) else "edge_door")
    return wrappers


def _batch(name: str, real: Any) -> Any:
    async def batch(operation: Any, parents: Sequence[Any], *request: Any) -> Any:
        injection = current.get()
        if injection is None:
            return await real(operation, parents, *request)
        return await injection.batch(name, real, operation, parents, request)

    return batch


def _call(name: str, real: Any) -> Any:
    async def call(operation: Any, **arguments: Any) -> Any:
        injection = current.get()
        if injection is None:
            return await real(operation, **arguments)
        return await injection.root(name, real, operation, arguments)

    return call


def _read(name: str, real: Any) -> Any:
    def read(record: Any) -> Any:
        injection = current.get()
        return real(record) if injection is None else injection.read(name, real, record)

    return read


def _door(name: str, real: Any, how: str) -> Any:
    def door(scope: Any, records: Sequence[Any]) -> list[bool]:
        injection = current.get()
        answer: list[bool] = real(scope, records)
        return answer if injection is None else getattr(injection, how)(name, real, scope, records)

    return door

"""Which records can be fetched again by their id? `Node`: each face names its record and how to read it by keys."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, ClassVar

import strawberry

from graph.execution.edge import identity
from graph.ids import uuid_key
from resolvers.operation import Operation

ByKeys = Callable[[Operation, Sequence[Any]], Awaitable[Sequence[Any]]]


@strawberry.interface(description="A record with an id under which it can be fetched again.")
class Node:
    """Faces are never made: the record travels, and `is_type_of` recognises it."""

    record: ClassVar[type[Any]]
    by_keys: ClassVar[ByKeys]
    # The store that `by_keys` asks, once for all keys.
    store: ClassVar[str] = "postgresql"
    # How the text of a key becomes a key; a ValueError means that no such record ever existed.
    key: ClassVar[Callable[[str], Any]] = uuid_key

    id: strawberry.ID = identity("Opaque, and the same for ever.")

    @classmethod
    def is_type_of(cls, obj: Any, info: Any) -> bool:
        """graphql-core asks for an interface's concrete type."""
        return isinstance(obj, cls.record)

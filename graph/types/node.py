"""Which records can be fetched again by their id? `Node`: each face names its record and how to read it by keys."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, ClassVar

import strawberry
from graphql import GraphQLObjectType

from graph.execution.edge import identity
from graph.ids import uuid_key
from resolvers.audit import Concern
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
    # Whom the audit log names when an administrator reads it; nobody: None. Where a face does not say, it is the person
    # whose record it is, else the record itself.
    concerns: ClassVar[Concern | None]

    id: strawberry.ID = identity("Opaque, and the same for ever.")

    def __init_subclass__(cls, **more: Any) -> None:
        super().__init_subclass__(**more)
        if "concerns" not in cls.__dict__ and "record" in cls.__dict__:
            owned = "user_id" in _attributes(cls.record)
            cls.concerns = Concern("User", "user_id") if owned else Concern(cls.__name__, "id")

    @classmethod
    def is_type_of(cls, obj: Any, info: Any) -> bool:
        """graphql-core asks for an interface's concrete type."""
        return isinstance(obj, cls.record)


def concern_of(kind: GraphQLObjectType) -> Concern | None:
    """Whom the audit log names when an administrator reads records of this type; None for those of nobody, and for what
    is part of a record."""
    definition = kind.extensions.get("strawberry-definition")
    face: Any = getattr(definition, "origin", None)
    return face.concerns if isinstance(face, type) and issubclass(face, Node) else None


def _attributes(record: type[Any]) -> Sequence[str]:
    """What a record holds: columns, or the fields of a named tuple or dataclass."""
    found: Any = getattr(record, "columns", None) or getattr(record, "_fields", None) or record.__dataclass_fields__
    return tuple(found)

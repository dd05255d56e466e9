"""What is a way of reading the school? A store, its records, how they are asked for, and what was promised."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from operator import attrgetter
from typing import Any, NamedTuple

from datadir.names import StoreName
from tests.parity.asking import Asked
from tests.parity.oracle import Rule
from tests.parity.school import Person, School

PG, MONGO, QDRANT, REDIS = StoreName.POSTGRESQL, StoreName.MONGODB, StoreName.QDRANT, StoreName.REDIS
SERIES, OBJECTS = StoreName.CASSANDRA, StoreName.MINIO
Ask = Callable[[Asked, Person, Sequence[Any]], Awaitable[Sequence[Any]]]


class Read(NamedTuple):
    """One way of reading: its store, of which records, how they are asked for (all at once), what was promised."""

    name: str
    store: StoreName
    records: Callable[[School], Sequence[Any]]
    ask: Ask
    rule: Rule


def of(collection: str) -> Callable[[School], Sequence[Any]]:
    """Everything of one kind."""
    return attrgetter(collection)

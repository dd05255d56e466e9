"""How do tests look at rows as somebody, past the program? In a transaction with the settings that a lease writes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, NamedTuple
from uuid import UUID

from tests.running_school import RunningSchool


class Person(NamedTuple):
    """Whoever the settings of a transaction speak of."""

    id: UUID
    role: str
    email: str
    classrooms: frozenset[UUID]
    taught: frozenset[UUID]


@asynccontextmanager
async def session(school: RunningSchool, **settings: object) -> AsyncIterator[Any]:
    """A transaction with exactly these settings, rolled back."""
    pool = school.services.stores.postgresql.pool
    async with pool.acquire() as connection:
        transaction = connection.transaction()
        await transaction.start()
        try:
            for name, value in settings.items():
                await connection.execute("select set_config($1, $2, true)", f"app.{name}", str(value))
            yield connection
        finally:
            await transaction.rollback()


def settings_of(person: Person) -> dict[str, object]:
    def ids(values: frozenset[UUID]) -> str:
        return "{" + ",".join(map(str, values)) + "}"

    return {
        "user_id": person.id,
        "role": person.role,
        "classroom_ids": ids(person.classrooms),
        "taught_ids": ids(person.taught),
    }

"""In which school do these tests look around? In the worker's own; they leave it as they found it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from uuid import UUID, uuid4

import pytest
import pytest_asyncio

from datadir.minio.prefixes import KNOWLEDGE
from datadir.scope import SYSTEM
from tests.access.viewers import CLASSROOM, VIEWERS, Eyes
from tests.running_school import RunningSchool


@pytest_asyncio.fixture(scope="module", autouse=True)
async def as_it_was(school: RunningSchool) -> AsyncIterator[None]:
    """Other tests pin who is here and who logged in when: both are put back."""
    redis, postgresql = school.services.stores.redis.raw, school.services.stores.postgresql
    tokens = dict(school.tokens)
    keys = [key async for key in redis.scan_iter("presence:*")]
    here = dict(zip(keys, await redis.mget(keys), strict=True)) if keys else {}
    async with postgresql.transaction(SYSTEM) as tx:
        log_ins = [tuple(row) for row in await tx.fetch("select id, last_login, updated_at from users")]
    yield
    now_here = [key async for key in redis.scan_iter("presence:*")]
    if now_here:
        await redis.delete(*now_here)
    for key, value in here.items():
        await redis.set(key, value, ex=24 * 3600)
    async with postgresql.transaction(SYSTEM) as tx:
        await tx.executemany("update users set last_login = $2, updated_at = $3 where id = $1", log_ins)
    school.tokens.clear()
    school.tokens.update(tokens)


@pytest.fixture(scope="module")
def eyes(school: RunningSchool) -> Eyes:
    """Asks as somebody."""
    return Eyes(school)


@pytest_asyncio.fixture(scope="module")
async def guest(school: RunningSchool) -> AsyncIterator[UUID]:
    """The guest's membership, while these tests run."""
    postgresql, member = school.services.stores.postgresql, uuid4()
    async with postgresql.transaction(SYSTEM) as tx:
        await tx.execute(
            "insert into classroom_members (id, classroom_id, user_id, role) "
            "select $1, c.id, u.id, 'student' from classrooms c, users u where c.name = $2 and u.email = $3",
            member,
            CLASSROOM,
            VIEWERS["guest"].email,
        )
    yield member
    async with postgresql.transaction(SYSTEM) as tx:
        await tx.execute("delete from classroom_members where id = $1", member)


@pytest_asyncio.fixture(scope="module")
async def knowledge(school: RunningSchool) -> AsyncIterator[UUID]:
    """A document of the knowledge base, while these tests run."""
    postgresql, document = school.services.stores.postgresql, uuid4()
    async with postgresql.transaction(SYSTEM) as tx:
        await tx.execute(
            "insert into documents "
            "(id, filename, content_type, size_bytes, object_key, status, page_count, chunk_count) "
            "values ($1, 'house-rules.pdf', 'application/pdf', 1, $2, 'ready', 3, 12)",
            document,
            KNOWLEDGE.key(document=document, filename="house-rules.pdf"),
        )
    yield document
    async with postgresql.transaction(SYSTEM) as tx:
        await tx.execute("delete from documents where id = $1", document)

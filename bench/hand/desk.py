"""What does the endpoint by hand hold open, and who is asking? Pools, the token's check, the session, the scope.

The rules are the graph's: the same check of the token, the same script in Redis, the same statement for the scope,
the same settings in the same kind of transaction. How they are carried out is an engineer's plain asyncpg and redis.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from time import time
from typing import Any
from uuid import UUID

import asyncpg
import redis.asyncio
from motor.motor_asyncio import AsyncIOMotorClient
from starlette.requests import Request

from bench.hand import statements
from datadir.minio.embedded import FolderObjects
from datadir.postgresql.lease import scope_settings
from datadir.postgresql.opening import APP_ROLE
from datadir.qdrant import embedded
from datadir.qdrant.client import Vectors
from datadir.qdrant.collections import COLLECTIONS
from datadir.qdrant.embedding import Embedder
from datadir.redis import keys
from datadir.scope import Scope
from loaders.accounts import PREAMBLE
from loaders.cursor import Cursors
from resolvers.access.scope import ROLES, TEACHING
from resolvers.tokens import Tokens


@dataclass(frozen=True, slots=True)
class Places:
    """Where the stores are, and what the graph signs with."""

    database_url: str
    redis_url: str
    mongodb_url: str
    qdrant_folder: Path
    public_url: str
    secret: str


class Refused(Exception):
    """No token, a bad one, or a session that has ended."""


@dataclass(frozen=True, slots=True)
class Viewer:
    """Who asks, and what they may reach."""

    id: UUID
    scope: Scope


@dataclass(slots=True)
class Desk:
    """Everything that is open."""

    pool: asyncpg.Pool[Any]
    redis: redis.asyncio.Redis
    preamble: Any
    transcripts: Any
    vectors: Vectors
    embedder: Embedder
    objects: FolderObjects
    tokens: Tokens
    cursors: Cursors

    async def session(self, request: Request) -> tuple[UUID, str]:
        """The account and its role. Raises Refused."""
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            raise Refused
        claims = self.tokens.verified(token)
        session = await self.preamble(
            [keys.session(claims.session_id), keys.presence(claims.user_id)],
            [time(), keys.SESSION_TTL, keys.SESSION_LIFE, keys.PRESENCE_TTL, str(claims.user_id)],
        )
        if session is None or session[1] not in ROLES:
            raise Refused
        return claims.user_id, session[1]

    @asynccontextmanager
    async def reading(self, request: Request) -> AsyncIterator[tuple[Viewer, Any]]:
        """Whoever sends this request, and a connection in a read-only transaction with their scope. Raises Refused."""
        user_id, role = await self.session(request)
        async with self.pool.acquire() as connection:
            await connection.execute(_begin(Scope(user_id=user_id, role=role)))
            rows = await connection.fetch(statements.MEMBERSHIPS, user_id)
            scope = Scope(
                user_id=user_id,
                role=role,
                classroom_ids=tuple(row["classroom_id"] for row in rows),
                taught_ids=tuple(row["classroom_id"] for row in rows if row["role"] in TEACHING),
            )
            await connection.execute(scope_settings(scope))
            yield Viewer(user_id, scope), connection
            await connection.execute("commit")

    @asynccontextmanager
    async def reading_on(self, viewer: Viewer) -> AsyncIterator[Any]:
        """Another such transaction of the same viewer."""
        async with self.pool.acquire() as connection:
            await connection.execute(_begin(viewer.scope))
            yield connection
            await connection.execute("commit")


def _begin(scope: Scope) -> str:
    return "begin isolation level repeatable read read only; " + scope_settings(scope)


async def _no_reset(connection: Any) -> None:
    """As the graph's pool: nothing outlives a transaction."""


async def opened(places: Places, stack: AsyncExitStack) -> Desk:
    """Open everything; `stack` closes it."""
    pool = await asyncpg.create_pool(
        places.database_url,
        min_size=2,
        max_size=30,
        command_timeout=60,
        max_inactive_connection_lifetime=3600,
        server_settings={"role": APP_ROLE, "application_name": "hand"},
        reset=_no_reset,
    )
    stack.push_async_callback(pool.close)
    values = redis.asyncio.Redis.from_url(places.redis_url, decode_responses=True, protocol=2)
    stack.push_async_callback(values.aclose)
    documents: Any = AsyncIOMotorClient(places.mongodb_url, tz_aware=True)
    stack.callback(documents.close)
    vectors = await embedded.opened(places.qdrant_folder)
    stack.push_async_callback(vectors.close)
    await vectors.ensure(COLLECTIONS)
    embedder = Embedder()
    stack.push_async_callback(embedder.close)
    await embedder.warm()
    objects = await FolderObjects.open(
        places.qdrant_folder.parent / "objects", public_url=places.public_url, secret=places.secret
    )
    return Desk(
        pool=pool,
        redis=values,
        preamble=values.register_script(PREAMBLE),
        transcripts=documents.get_default_database().transcripts,
        vectors=vectors,
        embedder=embedder,
        objects=objects,
        tokens=Tokens(places.secret),
        cursors=Cursors(places.secret),
    )

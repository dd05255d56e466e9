"""Who asks, and with what? One `Operation` for each GraphQL operation: its viewer, its scope, its loaders."""

from __future__ import annotations

import asyncio
import secrets
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from uuid import UUID

from datadir.scope import ANONYMOUS, Scope
from loaders import Loaders
from loaders.watch import Watch
from resolvers.access.scope import REACH
from resolvers.attempts import Limiter
from resolvers.audit import Reads
from resolvers.deadline import Deadline
from resolvers.errors import Unauthenticated
from resolvers.idempotency import Fingerprints, Once
from resolvers.pictures import Pictures

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from datadir.letters import Letters
    from datadir.postgresql.client import Transaction
    from datadir.qdrant.embedding import Embedder
    from datadir.stores import StoreHealth, Stores
    from loaders.cursor import Cursors
    from resolvers.passwords import Passwords
    from resolvers.sessions import SeenSessions
    from resolvers.tokens import Tokens


@dataclass(frozen=True, slots=True)
class Viewer:
    """Who a verified token and a live session stand for."""

    user_id: UUID
    role: str
    session_id: str


@dataclass(frozen=True, slots=True)
class Services:
    """What every operation of this process shares; opened by `graph/app.py`."""

    stores: Stores
    embedder: Embedder
    cursors: Cursors
    tokens: Tokens
    passwords: Passwords
    # None: whoever cannot be asked about is refused.
    seen_sessions: SeenSessions | None = None
    # What may be tried how often.
    limiter: Limiter = field(default_factory=Limiter)
    # None: no letters leave this program.
    letters: Letters | None = None
    # Where letters send people who forgot their password; None: they find the token alone.
    reset_url: str | None = None
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    pictures: Pictures = field(default_factory=Pictures)
    # Of what is asked under idempotency keys; several processes need the same secret.
    fingerprints: Fingerprints = field(default_factory=lambda: Fingerprints(secrets.token_hex(32)))
    # Set once every document that waited at the start can be searched.
    indexed: asyncio.Event = field(default_factory=asyncio.Event)
    # How the stores are, looked at once for all who follow it. How long a ping took is no change.
    health: Watch[StoreHealth] = field(default_factory=lambda: Watch(lambda store: replace(store, latency_ms=None)))


class Operation:
    """One operation. The scope is read at most once, with the first statement."""

    def __init__(self, services: Services, viewer: Viewer | None, deadline: Deadline | None = None) -> None:
        """Without a `deadline` it may take as long as its caller waits."""
        self.services = services
        self.viewer = viewer
        self.deadline = deadline or Deadline()
        # What the client calls itself: shown to whoever looks where they are logged in.
        self.user_agent: str | None = None
        # The address that it came from; None where it came over no connection.
        self.peer: str | None = None
        # What the document calls it, and by which id the log of operations knows it: the audit log says both.
        self.name: str | None = None
        self.request_id = ""
        # What an administrator reads of others; None: whoever asks is none.
        self.reads = _reads_of(viewer)
        # Those of whoever asked before somebody logged in or out here.
        self.read_before: tuple[Reads, ...] = ()
        # What of it is done once, whoever asks again: None where no field has a key.
        self.once: Once | None = None
        # Whether the audit log has more of this operation than `reads`.
        self.audited = False
        self._opened: Loaders | None = None

    @property
    def stores(self) -> Stores:
        """The stores of this process."""
        return self.services.stores

    @property
    def scope(self) -> Scope:
        """What the viewer may reach. It holds no classrooms before a root field has its value, and none where they
        could not be read: an administrator still learns which store is down."""
        if self._opened is not None:
            return self._opened.scope
        return ANONYMOUS if self.viewer is None else Scope(user_id=self.viewer.user_id, role=self.viewer.role)

    @property
    def loaders(self) -> Loaders:
        """The reads of this operation. The first statement brings the viewer's classrooms along."""
        if self._opened is None:
            lease = self.stores.postgresql.lease(self.scope, None if self.viewer is None else REACH)
            self._opened = Loaders(self.stores, lease, self.services.cursors, self.services.embedder)
        return self._opened

    async def whole_scope(self) -> Scope:
        """What the viewer may reach, classrooms included. Raises StoreUnavailable, the same to everyone who asks in
        this operation: a store that failed is not asked again."""
        return await self.loaders.whole_scope()

    @property
    def knows_scope(self) -> bool:
        """Whether `scope` is whole, or nothing was read yet."""
        return self._opened is None or self._opened.lease.known

    def over(self) -> None:
        """All that was asked is answered: others may have what it still holds."""
        if self._opened is not None:
            self._opened.lease.over()

    def again(self) -> Operation:
        """Another operation of the same viewer; the scope is read anew."""
        return type(self)(self.services, self.viewer)

    def become(self, viewer: Viewer) -> None:
        """Go on as the viewer who has just logged in: what is selected below is read with that scope."""
        self.viewer = viewer
        self._begin_anew()
        self._read_anew()

    def leave(self) -> None:
        """Go on as nobody: whoever has just logged out sees no more than anybody."""
        self.viewer = None
        self._begin_anew()
        self._read_anew()

    @asynccontextmanager
    async def writing(self, scope: Scope | None = None) -> AsyncIterator[Transaction]:
        """A transaction as the viewer, or as `scope`; whatever this operation reads once it has committed is read anew.
        Raises Repeated where it was done under its key.

        A lease stays open for some milliseconds, with the snapshot in which it began: read through it, what was
        just written would not be there. So leases and scope of before are left behind."""
        if scope is None:
            scope = await self.whole_scope()
        try:
            async with self.stores.postgresql.transaction(scope) as tx:
                key = await self.once.begin(tx) if self.once is not None else None
                yield tx
            if self.once is not None:
                self.once.ended(key)
        finally:
            self._begin_anew()

    def _begin_anew(self) -> None:
        self._opened = None

    def _read_anew(self) -> None:
        if self.reads is not None and self.reads.subjects:
            self.read_before, self.audited = (*self.read_before, self.reads), True
        self.reads = _reads_of(self.viewer)


def _reads_of(viewer: Viewer | None) -> Reads | None:
    return Reads(viewer.user_id) if viewer is not None and viewer.role == "admin" else None


def signed_in(operation: Operation) -> Viewer:
    """Who asks. Raises Unauthenticated: two mutations may travel together, and the first may be a log-out."""
    if operation.viewer is None:
        raise Unauthenticated
    return operation.viewer

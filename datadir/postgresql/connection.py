"""How does one connection run several statements in one message? asyncpg's connection, over a wire.

asyncpg takes the next statement when the last one is answered. A level of an operation asks several at once: those
behind the first are put into asyncpg's words ahead of their time, go out in the first one's write, and are asked one
after another when its answer is there, as if they had been sent only then (`wire.py` has kept their answers). Each has
its own end on the wire, so that one that fails fails alone, and all are in one transaction.
"""

from __future__ import annotations

import asyncio
import ssl
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import suppress
from types import coroutine
from typing import Any, TypeVar, cast

import asyncpg
from asyncpg.protocol import NO_TIMEOUT

from datadir.postgresql.wire import READY, Reader, Wire

R = TypeVar("R", bound=asyncpg.Record)


class _Nobody:
    """A future for which nobody waits."""

    def cancelled(self) -> bool:
        return False

    done = cancelled

    def set_result(self, result: object) -> None:
        pass

    def add_done_callback(self, call: object) -> None:
        pass

    def __await__(self) -> Iterator[None]:
        yield


class _Loop:
    """The running loop, whose connections are wires. For asyncpg's `loop`, which it asks for connections alone, timers
    and futures."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        # Asked for with each statement.
        self.futures: Callable[[], Any] = loop.create_future
        self.call_later = loop.call_later
        self.time = loop.time

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loop, name)

    def create_future(self) -> Any:
        return self.futures()

    async def create_connection(self, factory: Callable[[], asyncio.Protocol], *place: Any, **how: Any) -> Any:
        _, wire = await self._loop.create_connection(lambda: Wire(factory()), *place, **how)
        return wire, wire._protocol

    async def create_unix_connection(self, factory: Callable[[], asyncio.Protocol], *place: Any, **how: Any) -> Any:
        _, wire = await self._loop.create_unix_connection(lambda: Wire(factory()), *place, **how)
        return wire, wire._protocol

    async def start_tls(self, wire: Wire, protocol: asyncio.Protocol, context: ssl.SSLContext, **how: Any) -> Any:
        transport = await self._loop.start_tls(wire.transport, protocol, context, **how)
        return None if transport is None else Wire(transport=transport)


class Connection(asyncpg.Connection):
    """A connection over a wire, which knows when its time is over on the clock of the loop."""

    ends_at = float("inf")
    # What asyncpg takes for its loop: `connect` says which.
    _asyncpg_loop: _Loop

    # What asyncpg's own has, and its types do not name.
    _transport: Any
    _protocol: Any
    _stmt_cache: Any
    _loop: asyncio.AbstractEventLoop
    _drop_global_statement_cache: Callable[[], None]

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        # What was taken along and not asked for yet: asyncpg's statement, and its values.
        self._along: deque[tuple[Any, Sequence[Any]]] = deque()

    def ahead(self, *statements: str) -> None:
        """As `Wire.ahead`."""
        wire: Wire = self._transport
        wire.ahead(*statements)

    def ahead_for(self, statement: str, read: Reader) -> None:
        """As `Wire.ahead_for`."""
        wire: Wire = self._transport
        wire.ahead_for(statement, read)

    def take_along(
        self,
        record: type[asyncpg.Record],
        sql: str,
        statements: Sequence[tuple[type[asyncpg.Record], str, Sequence[Any]]],
    ) -> int:
        """Send these in one write with the next one, which is `sql`; `rows_along` is then asked for each. Answers how
        many can go along: the next one is not prepared here, or its arguments are refused."""
        if self._stmt_cache.get((sql, record, False), promote=False) is None:
            return 0
        wire: Wire = self._transport
        for kind, text, args in statements:
            prepared = self._stmt_cache.get((text, kind, False))
            message = self._message(wire, prepared, args) if prepared is not None else None
            if message is None:
                break
            wire.behind(message)
            self._along.append((prepared, args))
        return len(self._along)

    def _message(self, wire: Wire, prepared: Any, args: Sequence[Any]) -> bytes | None:
        """What asyncpg would send; None where it refuses these arguments."""
        self._asyncpg_loop.futures = _Nobody
        written = wire.withhold()
        asking = self._protocol.bind_execute(prepared, args, "", 0, False, NO_TIMEOUT)
        try:
            asking.send(None)
        except Exception:
            return None
        finally:
            wire.send_again()
            self._asyncpg_loop.futures = self._loop.create_future
        # It has its answer, as far as asyncpg knows: it takes the next one.
        self._protocol.data_received(READY + b"T")
        asking.close()
        return b"".join(written)

    async def rows_along(self, seconds: float) -> list[Any]:
        """The rows of the first statement that was taken along and not asked for yet."""
        wire: Wire = self._transport
        if not wire.early:
            # asyncpg has still to hear that the one before is over: its timer would be taken for this one's.
            await asyncio.sleep(0)
        prepared, args = self._along.popleft()
        rows: list[Any] = await self._heard(self._protocol.bind_execute(prepared, args, "", 0, False, seconds))
        return rows

    async def settle(self, seconds: float) -> None:
        """Hear, after a failure, what was taken along and not asked for, so that something else can be asked. Raises
        where the server does not answer within `seconds`, or is gone."""
        wire: Wire = self._transport
        if wire.takes_along:
            wire.stay_behind()
            self._along.clear()
        if self._along:
            await self._protocol._wait_for_cancellation(seconds)
        while self._along:
            with suppress(asyncpg.PostgresError):
                await self.rows_along(seconds)

    def _cancel_current_command(self, sent: asyncio.Future[Any], heard: asyncio.Future[Any] | None = None) -> None:
        # asyncpg calls this where a statement is cut: its answer is heard once the server has been told.
        cast("Any", super())._cancel_current_command(sent, heard)
        if heard is not None:
            wire: Wire = self._transport
            wire.waits(heard)

    @coroutine
    def _heard(self, asking: Any) -> Generator[Any, None, Any]:
        """The answer to what asyncpg asks while something is out on the wire."""
        wire: Wire = self._transport
        until = asking.send(None)
        wire.waits(until)
        if until.done():
            until._asyncio_future_blocking = False
        else:
            try:
                yield until
            except BaseException as error:
                asking.throw(error)
                raise
        try:
            asking.send(None)
        except StopIteration as end:
            return end.value
        raise RuntimeError("asyncpg waits for more than one answer.")

    async def rows(self, record: type[R], sql: str, args: Sequence[Any], seconds: float) -> list[R]:
        """As `fetch`. A statement that this connection has prepared goes straight to asyncpg's protocol: what `fetch`
        asks itself before that takes a fifth of the time of a short statement."""
        prepared = self._stmt_cache.get((sql, record, False))
        if prepared is None:
            return cast("list[R]", await self.fetch(sql, *args, timeout=seconds, record_class=record))
        asking = self._protocol.bind_execute(prepared, args, "", 0, False, seconds)
        wire: Wire = self._transport
        try:
            return cast("list[R]", await (self._heard(asking) if wire.takes_along else asking))
        except asyncpg.OutdatedSchemaCacheError:
            await self.reload_schema_state()
            raise
        except asyncpg.InvalidCachedStatementError:
            # As `fetch` does in a transaction, which cannot go on: all connections forget what they have prepared.
            self._drop_global_statement_cache()
            raise


async def connect(*where: Any, loop: asyncio.AbstractEventLoop, **how: Any) -> Any:
    """As `asyncpg.connect`, for a pool's `connect`, with `connection_class=Connection`."""
    theirs = _Loop(loop)
    connection: Any = await asyncpg.connect(*where, loop=cast("Any", theirs), **how)
    connection._asyncpg_loop = theirs
    # It is connected: from here on asyncpg asks its loop which of its own tasks runs, and only the true one knows.
    connection._loop = loop
    return connection

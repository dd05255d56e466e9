"""How does GraphQL travel over a WebSocket? By the protocol graphql-transport-ws, one conversation for each socket.

Every end has its code: 4400 what is none of the protocol's messages, 4401 an operation before `connection_init`, 4403
no valid token any more, 4406 another subprotocol, 4408 no `connection_init` in time, 4409 an id twice, 4429 a second
`connection_init` or too many sockets, 1009 a message too large, 1012 the server ends, 1013 a client that does not read
(SLOW_CONSUMER) or a session that cannot be read. What is wrong with one operation is its `error` and ends nothing else.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import ExitStack, aclosing
from dataclasses import dataclass
from typing import Any, Final

import structlog
from starlette.types import Receive, Scope, Send

from graph.errors import RequestError
from graph.http.admission import Admission
from graph.http.application import refuse_socket
from graph.http.listeners import Listeners
from graph.http.operations import Answered, Operations, slow_consumer
from graph.http.origins import Origins
from graph.http.peers import Peers
from graph.http.socket_connection import CLOSE
from graph.http.socket_messages import (
    LONGEST_REASON,
    Complete,
    Init,
    Malformed,
    Ping,
    Subscribe,
    framed,
    message,
)
from resolvers.errors import Unauthenticated, code_of, sentence_of

log = structlog.get_logger("studygraph.sockets")

SUBPROTOCOL: Final = "graphql-transport-ws"


@dataclass(frozen=True, slots=True)
class Terms:
    """What a socket may. `stalled_seconds`: how long a client may not read while there is more for it than the buffers
    hold."""

    init_seconds: float
    subscriptions: int
    stalled_seconds: float = 10.0


class Sockets:
    """The ASGI application of WebSockets at /graphql."""

    # Set when the stores are open.
    graph: Operations
    listeners: Listeners

    def __init__(self, *, terms: Terms, admission: Admission, origins: Origins, peers: Peers) -> None:
        self.terms = terms
        self.admission = admission
        self._origins = origins
        self._peers = peers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hold one conversation."""
        if scope["path"] != "/graphql":
            await refuse_socket(send, 404, "NOT_FOUND", "Not Found.")
            return
        headers = dict(scope["headers"])
        origin, host = (None if each is None else each.decode("latin-1") for each in map(headers.get, _WHENCE))
        if not self._origins.admits(origin, host):
            await refuse_socket(send, 400, "CSRF", "Pages of this origin may not ask here.")
            return
        try:
            with self.admission.socket():
                await self._converse(scope, receive, send)
        except RequestError as error:
            retry = tuple((name.encode(), value.encode()) for name, value in error.headers.items())
            await refuse_socket(send, error.status, error.code, error.message, retry)

    async def _converse(self, scope: Scope, receive: Receive, send: Send) -> None:
        await receive()  # websocket.connect
        spoken = SUBPROTOCOL in scope["subprotocols"]
        await send({"type": "websocket.accept", "subprotocol": SUBPROTOCOL if spoken else None})
        close = _closing(scope, send)
        conversation = Conversation(self, receive, send, close, self._peers.of(scope))
        if not spoken:
            close(4406, f"Subprotocol not acceptable: speak {SUBPROTOCOL}.")
        await conversation.hold()


class Conversation:
    """One socket, from its acceptance to its end."""

    def __init__(
        self, sockets: Sockets, receive: Receive, send: Send, close: Callable[[int, str], None], peer: str
    ) -> None:
        self._graph = sockets.graph
        self._terms = sockets.terms
        self._admission = sockets.admission
        self._listeners = sockets.listeners
        self._receive = receive
        self._send = send
        self._close = close
        self._peer = peer
        self._over = False
        self._asked_in = False
        self._acknowledged = False
        self._authorization: str | None = None
        self._expiry: asyncio.TimerHandle | None = None
        self._joined = ExitStack()
        # By id. A mutation that has begun is finished, whoever is still there to hear of it.
        self._running: dict[str, asyncio.Task[None]] = {}
        self._mutations: set[asyncio.Task[None]] = set()

    async def hold(self) -> None:
        """Until the socket is closed, by whom ever."""
        loop = asyncio.get_running_loop()
        late = loop.call_later(self._terms.init_seconds, self._too_late)
        try:
            while (event := await self._receive())["type"] != "websocket.disconnect":
                # What was sent before the client could know of the end counts no more.
                if self._over:
                    continue
                try:
                    await self._take(event.get("text"))
                except Malformed as error:
                    self._end(4400, str(error))
        finally:
            late.cancel()
            if self._expiry is not None:
                self._expiry.cancel()
            self._joined.close()
            for task in self._running.values():
                if task not in self._mutations:
                    task.cancel()
            await asyncio.gather(*self._running.values(), *self._mutations, return_exceptions=True)

    def _too_late(self) -> None:
        if not self._asked_in:
            self._end(4408, "Connection initialisation timeout.")

    def _end(self, code: int, reason: str) -> None:
        self._over = True
        self._close(code, reason[:LONGEST_REASON])

    async def _take(self, text: str | None) -> None:
        taken = message(text)
        if isinstance(taken, Init):
            await self._begin(taken)
        elif isinstance(taken, Ping):
            await self._say(type="pong", payload=taken.payload)
        elif isinstance(taken, Subscribe):
            await self._ask(taken)
        elif isinstance(taken, Complete):
            task = self._running.pop(taken.id, None)
            if task is not None and task not in self._mutations:
                task.cancel()

    async def _begin(self, init: Init) -> None:
        if self._asked_in:
            self._end(4429, "Too many initialisation requests.")
            return
        self._asked_in = True
        self._authorization = init.authorization
        try:
            viewer = await self._graph.viewer(init.authorization)
            left = self._graph.seconds_left(init.authorization)
        except Exception as error:
            self._refuse(error)
            return
        try:
            self._joined.enter_context(self._listeners.joined(viewer, self._peer, self._refuse))
        except RequestError as error:
            self._end(4429, f"{error.code}: {error.message}")
            return
        if left is not None:
            self._expiry = asyncio.get_running_loop().call_later(left, self._expired)
        self._acknowledged = True
        await self._say(type="connection_ack")

    def _refuse(self, error: Exception) -> None:
        told = code_of(error)
        if isinstance(error, Unauthenticated):
            self._end(4403, f"Forbidden: {sentence_of(error)}")
        elif told is not None:
            self._end(1013, f"{told['code']}: {sentence_of(error)}")
        else:
            log.error("defect", exc_info=error)
            self._end(4500, "INTERNAL_SERVER_ERROR: Something went wrong on our side.")

    def _expired(self) -> None:
        self._end(4403, "Forbidden: This access token has expired.")

    async def _ask(self, asked: Subscribe) -> None:
        if not self._acknowledged:
            self._end(4401, "Unauthorized: connection_init comes first.")
        elif asked.id in self._running:
            self._end(4409, f"Subscriber for {asked.id} already exists.")
        elif len(self._running) >= self._terms.subscriptions:
            most = self._terms.subscriptions
            sentence = f"A socket carries at most {most} operations at a time: complete one."
            await self._refuse_operation(asked.id, RequestError("SUBSCRIPTION_LIMIT", sentence))
        else:
            self._running[asked.id] = asyncio.create_task(self._operation(asked))

    async def _operation(self, asked: Subscribe) -> None:
        task = asyncio.current_task()
        try:
            await self._answers(asked)
        except RequestError as error:
            await self._refuse_operation(asked.id, error)
        except Exception as error:
            # Answers never raise: this is about telling them.
            log.error("defect", exc_info=error)
            self._end(4500, "INTERNAL_SERVER_ERROR: Something went wrong on our side.")
        finally:
            if self._running.get(asked.id) is task:
                del self._running[asked.id]

    async def _answers(self, asked: Subscribe) -> None:
        explain = "1" if asked.wants_plan else None
        kind = await self._graph.kind(asked.envelope)
        task = asyncio.current_task()
        if kind == "mutation" and task is not None:
            self._mutations.add(task)
            task.add_done_callback(self._mutations.discard)
        subscribes = kind == "subscription"
        if subscribes:
            self._admission.look()
        else:
            await self._admission.enter()
        try:
            answers = self._graph.stream(
                asked.envelope,
                authorization=self._authorization,
                wants_ledger=asked.wants_ledger,
                explain=explain,
                peer=self._peer,
            )
            async with aclosing(answers):
                async for answer in answers:
                    if not self._listens(asked.id) or not await self._answer(asked.id, answer):
                        return
        finally:
            if not subscribes:
                self._admission.leave()
        if self._listens(asked.id):
            # From here on the id is free again: whoever hears `complete` may use it at once.
            del self._running[asked.id]
            await self._say(id=asked.id, type="complete")

    def _listens(self, identity: str) -> bool:
        return self._running.get(identity) is asyncio.current_task()

    async def _answer(self, identity: str, answer: Answered) -> bool:
        """Tell one answer; whether others may follow."""
        if answer.executed:
            await self._say(id=identity, type="next", payload=answer.body)
            return True
        if answer.status == 401 and self._authorization is not None:
            [error] = answer.body["errors"]
            self._end(4403, f"Forbidden: {error['message']}")
            return False
        del self._running[identity]
        await self._say(id=identity, type="error", payload=answer.body["errors"])
        return False

    async def _refuse_operation(self, identity: str, error: RequestError) -> None:
        await self._say(id=identity, type="error", payload=[error.formatted()])

    async def _say(self, **members: Any) -> None:
        try:
            async with asyncio.timeout(self._terms.stalled_seconds):
                await self._send({"type": "websocket.send", "text": framed(**members)})
        except TimeoutError:
            slow = slow_consumer()
            log.warning("slow consumer", transport="websocket", code=slow.code)
            self._end(1013, f"{slow.code}: {slow.message}")


_WHENCE: Final = (b"origin", b"host")


def _closing(scope: Scope, send: Send) -> Callable[[int, str], None]:
    """What closes a socket: at once, or as any ASGI server does, once the client has read what waits for it."""
    extension = scope.get("extensions", {}).get(CLOSE)
    if extension is not None:
        at_once: Callable[[int, str], None] = extension["close"]
        return at_once
    closing: set[asyncio.Future[None]] = set()

    def close(code: int, reason: str) -> None:
        if not closing:
            said = send({"type": "websocket.close", "code": code, "reason": reason})
            closing.add(asyncio.ensure_future(said))

    return close

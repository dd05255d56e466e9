"""Who is listening, and may they still? Every open socket and event stream, so many for each account, whose sessions
are looked at again every few seconds: a log-out elsewhere ends them."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final, Protocol

import structlog

from graph.errors import RequestError
from resolvers.errors import code_of, sentence_of

log = structlog.get_logger("studygraph.errors")

SECONDS: Final = 2.0
"""Between two looks at the sessions: what ends is noticed within five, with slow stores too."""
AT_ONCE: Final = 16
"""Sessions that are looked at side by side."""

Ended = Callable[[str, str], None]
"""Told the code and the sentence with which a session has ended, or cannot be asked about."""


class Listener:
    """One that listens."""

    __slots__ = ("authorization", "ended")

    def __init__(self, authorization: str, ended: Ended) -> None:
        self.authorization = authorization
        self.ended = ended


class Alive(Protocol):
    """Reads a session; raises what a read of it raises."""

    def __call__(self, authorization: str | None) -> Awaitable[Any]:
        """Whose session it is."""


class Listeners:
    """Those of this process; `most` of them an account, or a peer address where nobody has logged in."""

    def __init__(self, alive: Alive, most: int, seconds: float = SECONDS) -> None:
        self._alive = alive
        self._most = most
        self._seconds = seconds
        self._counts: Counter[str] = Counter()
        self._listeners: set[Listener] = set()
        self._looking: asyncio.Task[None] | None = None

    @contextmanager
    def joined(self, who: str, authorization: str | None, ended: Ended) -> Iterator[None]:
        """While somebody listens. `ended` is called at most once. Raises RequestError SUBSCRIPTION_LIMIT."""
        if self._counts[who] >= self._most:
            sentence = f"An account holds at most {self._most} sockets and streams open: close one."
            raise RequestError("SUBSCRIPTION_LIMIT", sentence, 429)
        self._counts[who] += 1
        listener = None if authorization is None else Listener(authorization, ended)
        if listener is not None:
            self._listeners.add(listener)
            if self._looking is None:
                self._looking = asyncio.create_task(self._look(), name="sessions of listeners")
        try:
            yield
        finally:
            self._counts[who] -= 1
            if not self._counts[who]:
                del self._counts[who]
            if listener is not None:
                self._listeners.discard(listener)
            if self._looking is not None and not self._listeners:
                self._looking.cancel()
                self._looking = None

    async def _look(self) -> None:
        while True:
            await asyncio.sleep(self._seconds)
            sessions = sorted({each.authorization for each in self._listeners})
            for start in range(0, len(sessions), AT_ONCE):
                await asyncio.gather(*map(self._look_at, sessions[start : start + AT_ONCE]))

    async def _look_at(self, authorization: str) -> None:
        try:
            await self._alive(authorization)
        except Exception as error:
            told = code_of(error)
            code = "INTERNAL_SERVER_ERROR" if told is None else str(told["code"])
            if told is None:
                log.error("defect", exc_info=error)
            sentence = "Something went wrong on our side." if told is None else sentence_of(error)
            for each in [one for one in self._listeners if one.authorization == authorization]:
                self._listeners.discard(each)
                each.ended(code, sentence)

"""What did a client say to a server, and what does it do when the server falls silent, slow, or away?

A relay listens on loopback in front of a real server and passes every byte on. It counts questions (a client that
starts to speak, or speaks again after the server has answered), keeps what clients said, and makes the faults that a
network and a server make: it hangs, refuses, resets, cuts, tears, delays and trickles.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from urllib.parse import unquote, urlsplit

Wire = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Relay:
    """One listener in front of one server."""

    def __init__(self, dial: Callable[[], Awaitable[Wire]]) -> None:
        self._dial = dial
        self._answering = asyncio.Event()
        self._answering.set()
        self._news = asyncio.Condition()
        self._wires: dict[asyncio.Task[None], asyncio.StreamWriter] = {}
        self._server: asyncio.Server | None = None
        self._resetting = False
        self._tearing = False
        self.delay = 0.0
        """Seconds by which every answer is late."""
        self.trickle: tuple[int, float] | None = None
        """Answers come in pieces of so many bytes, with so many seconds between them."""
        self.port = 0
        self.questions = 0
        self.knocks = 0
        """How many connections were asked for, those included that were reset at once."""
        self.heard: list[bytearray] = []
        """What each connection's client said, in the order of the connections."""

    def leads_to(self, url: str) -> None:
        """From now on it stands in front of the server at `url`."""
        self._dial = _dialling(url)

    @property
    def connections(self) -> int:
        """How many connections were ever made."""
        return len(self.heard)

    @property
    def open(self) -> int:
        """How many connections there are now."""
        return len(self._wires)

    def hush(self) -> None:
        """Hold every answer back: the server hangs, as seen by its clients."""
        self._answering.clear()

    def speak(self) -> None:
        """Let the answers go that were held back, and all others."""
        self._answering.set()

    def cut(self) -> None:
        """Cut every connection to the clients, whatever they wait for."""
        for to_client in self._wires.values():
            to_client.transport.abort()

    async def refuse(self) -> None:
        """Nobody listens any more, and who was connected is cut."""
        if self._server is not None:
            self._server.close()
            self._server = None
        self.cut()

    def reset(self) -> None:
        """Accept every connection and reset it at once; who was connected is cut."""
        self._resetting = True
        self.cut()

    def tear(self) -> None:
        """From now on cut every connection in the middle of an answer."""
        self._tearing = True

    async def heal(self) -> None:
        """Be an honest relay again, on the same port."""
        self.delay, self.trickle, self._resetting, self._tearing = 0.0, None, False, False
        self.speak()
        if self._server is None:
            await self._listen()

    async def has_heard(self, words: bytes) -> None:
        """Wait until some client has said `words`, and they were passed on."""
        async with self._news:
            await self._news.wait_for(lambda: any(words in heard for heard in self.heard))

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[Relay]:
        """Listen on `port` of loopback; at the end every connection is cut."""
        await self._listen()
        try:
            yield self
        finally:
            if self._server is not None:
                self._server.close()
            wires = dict(self._wires)
            for wire, to_client in wires.items():
                wire.cancel()
                to_client.close()
            await asyncio.gather(*wires, return_exceptions=True)

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    def _accept(self, client: asyncio.StreamReader, to_client: asyncio.StreamWriter) -> None:
        self.knocks += 1
        if self._resetting:
            # Without lingering a close is a reset.
            to_client.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            to_client.transport.abort()
            return
        wire = asyncio.ensure_future(self._pass_on(client, to_client))
        self._wires[wire] = to_client
        wire.add_done_callback(self._wires.pop)

    async def _pass_on(self, client: asyncio.StreamReader, to_client: asyncio.StreamWriter) -> None:
        heard = bytearray()
        self.heard.append(heard)
        answered = True

        async def ask() -> None:
            nonlocal answered
            while said := await client.read(65536):
                self.questions += answered
                answered = False
                to_server.write(said)
                await to_server.drain()
                async with self._news:
                    heard.extend(said)
                    self._news.notify_all()

        async def answer() -> None:
            nonlocal answered
            while said := await server.read(65536):
                await self._answering.wait()
                answered = True
                await self._tell(said, to_client)

        try:
            server, to_server = await self._dial()
        except OSError:  # the server itself is gone
            to_client.transport.abort()
            return
        halves = [asyncio.ensure_future(ask()), asyncio.ensure_future(answer())]
        try:
            await asyncio.wait(halves, return_when=asyncio.FIRST_COMPLETED)
        finally:
            to_server.close()
            to_client.close()
            for half in halves:
                half.cancel()
            await asyncio.gather(*halves, return_exceptions=True)

    async def _tell(self, said: bytes, to_client: asyncio.StreamWriter) -> None:
        if self.delay:
            await asyncio.sleep(self.delay)
        if self._tearing:
            to_client.write(said[: len(said) // 2])
            await to_client.drain()
            # Closing sends what was written before, aborting would not.
            to_client.close()
            return
        size, pause = self.trickle or (len(said), 0.0)
        for start in range(0, len(said), size):
            to_client.write(said[start : start + size])
            await to_client.drain()
            if pause:
                await asyncio.sleep(pause)


def relay_to(url: str) -> Relay:
    """A relay in front of the server at `url`: unix:///path, or anything with host and port."""
    return Relay(_dialling(url))


def _dialling(url: str) -> Callable[[], Awaitable[Wire]]:
    address = urlsplit(url)
    if address.scheme == "unix":
        return lambda: asyncio.open_unix_connection(unquote(address.path))
    return lambda: asyncio.open_connection(address.hostname, address.port)


def through(url: str, relay: Relay, *, user: str | None = None) -> str:
    """The address of the same server behind `relay`, as `user` (`name:password`) if one is given."""
    address = urlsplit(url)
    who = user or address.netloc.rpartition("@")[0]
    address = address._replace(netloc=f"{who}@127.0.0.1:{relay.port}" if who else f"127.0.0.1:{relay.port}")
    return (address._replace(scheme="redis", path="/0") if address.scheme == "unix" else address).geturl()

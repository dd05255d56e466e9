"""What does a request to Redis get where the connection does what connections do? Against a server of a few lines."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Final

import pytest
from redis import exceptions as failures

from datadir.redis.line import Command
from datadir.redis.node import Node

GET: Final[Command] = ("GET", "k")


class Scripted:
    """A server that answers each request with the next of its answers, in pieces, and counts its connections."""

    def __init__(self, *answers: list[bytes], unasked: bytes = b"", closes: bool = False) -> None:
        self.answers = list(answers)
        self.unasked, self.closes = unasked, closes
        self.connections = 0
        self.heard: list[bytes] = []
        self.asked = asyncio.Event()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        with suppress(ConnectionError):
            while request := await reader.read(65536):
                self.heard.append(request)
                self.asked.set()
                for piece in self.answers.pop(0):
                    writer.write(piece)
                    await writer.drain()
                if self.unasked:
                    writer.write(self.unasked)
                    self.unasked = b""
                if self.closes:
                    self.closes = False
                    break
        writer.close()


@asynccontextmanager
async def asked(server: Scripted) -> AsyncIterator[Node]:
    listening = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    node = Node(f"redis://127.0.0.1:{listening.sockets[0].getsockname()[1]}/0", 1, None)
    yield node
    await node.aclose()
    listening.close()
    await listening.wait_closed()


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not holds():
            await asyncio.sleep(0)


def lines_of(node: Node) -> list[bool]:
    return [line.is_open for line in node._free]


async def test_replies_arrive_in_any_pieces() -> None:
    whole = "*2\r\n$3\r\nüx\r\n:7\r\n$-1\r\n".encode()
    server = Scripted([whole[at : at + 1] for at in range(len(whole))])
    async with asked(server) as node:
        assert await node.exchange([("LRANGE", "l", 0, 1), GET], atomic=False) == ([["üx", 7], None], 0)


async def test_commands_are_one_write_and_the_connection_is_used_again() -> None:
    server = Scripted([b"+OK\r\n:1\r\n"], [b"$1\r\nv\r\n"])
    async with asked(server) as node:
        assert await node.exchange([("SET", "k", "ü", "EX", 60), ("INCRBYFLOAT", "n", 1.5)], atomic=False) == (
            [True, 1],
            0,
        )
        assert await node.exchange([GET], atomic=False) == (["v"], 0)
    assert (
        server.heard[0]
        == (
            "*5\r\n$3\r\nSET\r\n$1\r\nk\r\n$2\r\nü\r\n$2\r\nEX\r\n$2\r\n60\r\n"
            "*3\r\n$11\r\nINCRBYFLOAT\r\n$1\r\nn\r\n$3\r\n1.5\r\n"
        ).encode()
    )
    assert server.connections == 1


async def test_a_refusal_is_the_value_of_its_command() -> None:
    server = Scripted([b"-WRONGTYPE not a text\r\n:2\r\n"])
    async with asked(server) as node:
        [refused, two], _ = await node.exchange([GET, ("DEL", "a", "b")], atomic=False)
        assert isinstance(refused, failures.ResponseError)
        assert two == 2


async def test_what_the_server_says_unasked_is_nobodys_answer() -> None:
    server = Scripted([b"$3\r\nyes\r\n"], [b"$4\r\nmine\r\n"], unasked=b"$5\r\nother\r\n")
    async with asked(server) as node:
        with suppress(failures.ConnectionError):  # where both arrive as one
            await node.exchange([GET], atomic=False)
        await until(lambda: not any(lines_of(node)))
        assert await node.exchange([GET], atomic=False) == (["mine"], 0)
    assert server.connections == 2


async def test_a_connection_closed_while_it_lay_idle_is_replaced_unnoticed() -> None:
    server = Scripted([b"+PONG\r\n"], [b"+PONG\r\n"], closes=True)
    async with asked(server) as node:
        await node.exchange([("PING",)], atomic=False)
        await until(lambda: lines_of(node) == [False])
        assert await node.exchange([("PING",)], atomic=False) == ([True], 0)
    assert server.connections == 2


async def test_a_connection_cut_within_a_reply_fails_its_request_alone() -> None:
    server = Scripted([b"$10\r\nhalf"], [b"$4\r\nmine\r\n"], closes=True)
    async with asked(server) as node:
        with pytest.raises(failures.ConnectionError):
            await node.exchange([GET], atomic=False)
        assert await node.exchange([GET], atomic=False) == (["mine"], 0)


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        (b"-LOADING Redis is loading the dataset in memory\r\n", failures.BusyLoadingError),
        (b"-NOAUTH Authentication required.\r\n", failures.AuthenticationError),
        (b"?what\r\n", failures.InvalidResponse),
        (b"$2\r\n\xff\xfe\r\n", UnicodeDecodeError),
    ],
    ids=["loading", "no password", "no protocol", "no text"],
)
async def test_what_is_no_answer_is_raised_and_costs_the_connection(said: bytes, kind: type[Exception]) -> None:
    server = Scripted([said], [b"$4\r\nmine\r\n"])
    async with asked(server) as node:
        with pytest.raises(kind):
            await node.exchange([GET], atomic=False)
        assert await node.exchange([GET], atomic=False) == (["mine"], 0)
    assert server.connections == 2


async def test_whoever_gives_up_leaves_no_reply_behind() -> None:
    server = Scripted([], [b"$4\r\nmine\r\n"])
    async with asked(server) as node:
        asking = asyncio.ensure_future(node.exchange([GET], atomic=False))
        await server.asked.wait()
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        assert await node.exchange([GET], atomic=False) == (["mine"], 0)
    assert server.connections == 2


async def test_a_transaction_says_why_none_of_it_was_done_and_goes_on() -> None:
    refused = b"+OK\r\n-ERR wrong number of arguments\r\n+QUEUED\r\n-EXECABORT Transaction discarded\r\n"
    done = b"+OK\r\n+QUEUED\r\n+QUEUED\r\n*2\r\n:1\r\n-WRONGTYPE not a text\r\n"
    server = Scripted([refused], [done])
    both: list[Command] = [("DEL", "a"), GET]
    async with asked(server) as node:
        with pytest.raises(failures.ResponseError, match="wrong number of arguments"):
            await node.exchange(both, atomic=True)
        [gone, why], _ = await node.exchange(both, atomic=True)
        assert gone == 1
        assert isinstance(why, failures.ResponseError)
    assert server.connections == 1

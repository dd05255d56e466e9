"""What does every Redis promise, embedded or real?"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from time import perf_counter
from uuid import uuid4

import pytest
import pytest_asyncio

from datadir.circuit import NotAsked
from datadir.errors import StoreError, StoreMisconfigured, StoreTimeout, StoreUnavailable
from datadir.ledger import kept
from datadir.names import StoreName
from datadir.redis import client
from datadir.redis.client import CONNECTIONS, Redis
from tests.stores.recovery import well_again
from tests.stores.redis_keys_contract import ECHO, RedisKeysContract
from tests.stores.relay import Relay, relay_to, through


class RedisContract(RedisKeysContract):
    """`url` is the server's address; `redis` reaches it directly, `relayed` through `relay`."""

    @pytest_asyncio.fixture
    async def relay(self, url: str) -> AsyncIterator[Relay]:
        async with relay_to(url).listening() as relay:
            yield relay

    @pytest_asyncio.fixture
    async def relayed(self, url: str, relay: Relay) -> AsyncIterator[Redis]:
        redis = await Redis.open(through(url, relay), scripts=[ECHO])
        yield redis
        await redis.close()

    # One request, one entry in the ledger

    async def test_a_pipeline_is_one_request_and_one_call(self, relayed: Redis, relay: Relay) -> None:
        key = f"text:{uuid4()}"
        before = relay.questions
        with kept() as ledger:
            pipeline = relayed.pipeline().script(relayed.script(ECHO), [], ["one"]).command("SET", key, "two", "EX", 9)
            assert await pipeline.command("GET", key).command("INCR", f"{key}:n").send() == ["one", True, "two", 1]
            assert await relayed.pipeline().send() == []
        assert relay.questions - before == 1
        assert ledger.stores[StoreName.REDIS].calls == 1

    async def test_an_atomic_pipeline_is_one_request_too(self, relayed: Redis, relay: Relay) -> None:
        key = f"text:{uuid4()}"
        before = relay.questions
        with kept() as ledger:
            pipeline = relayed.pipeline(atomic=True).command("INCR", key).command("INCR", key).command("GET", key)
            assert await pipeline.send() == [1, 2, "2"]
        assert relay.questions - before == 1
        assert ledger.stores[StoreName.REDIS].calls == 1

    async def test_a_refusal_inside_a_pipeline_is_told_and_the_rest_has_run(self, redis: Redis) -> None:
        key = f"text:{uuid4()}"
        with pytest.raises(StoreError, match=r"^redis refused a command$"):
            await redis.pipeline().command("SET", key, "text").command("HGETALL", key).command("SET", key, "new").send()
        assert await redis.get(key) == "new"

    async def test_the_ledger_says_what_the_server_counted(self, redis: Redis) -> None:
        key, echo = f"text:{uuid4()}", redis.script(ECHO)
        await redis.raw.config_resetstat()
        with kept() as ledger:
            await redis.set(key, "1")
            await redis.get(key)
            await redis.read_many([key, key])
            await echo([], ["x"])
            await redis.pipeline().command("GET", key).command("GET", key).script(echo, [], ["y"]).send()
            await redis.pipeline().command("SET", key, "1").command("SET", f"{key}:2", "2").send()
            await redis.delete(key)
            await redis.ping()
        said = await redis.raw.info("commandstats")
        counted = {name.removeprefix("cmdstat_"): stats["calls"] for name, stats in said.items()}
        upkeep = {"config|resetstat", "info", "auth", "select", "hello", "client|setinfo"}
        assert {name: calls for name, calls in counted.items() if name not in upkeep} == {
            "set": 1 + 2,
            "get": 1 + 2,
            "mget": 1,
            "evalsha": 1 + 1,
            "del": 1,
        }
        assert ledger.stores[StoreName.REDIS].calls == 7, "eight requests, of which the ping is health"

    async def test_the_ping_says_which_server_it_is_and_counts_as_nothing(self, redis: Redis) -> None:
        with kept() as ledger:
            name, _, version = (await redis.ping()).partition(" ")
        assert name in ("redis", "valkey")
        assert int(version.split(".")[0]) >= 7
        assert ledger.stores == {}

    # Connections and deadlines

    async def test_a_full_pool_waits(self, relayed: Redis, relay: Relay) -> None:
        key = f"text:{uuid4()}"
        relayed.deadline = 10.0
        await relayed.set(key, "there")
        assert await asyncio.gather(*(relayed.get(key) for _ in range(200))) == ["there"] * 200
        assert relay.connections == CONNECTIONS

    async def test_a_waiter_that_gives_up_keeps_no_connection_from_the_next(
        self, url: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(client, "CONNECTIONS", 1)
        redis, key = await Redis.open(url), f"text:{uuid4()}"
        await redis.set(key, "there")

        async def first() -> None:
            await redis.get(key)
            second.cancel()  # woken by our connection in this very moment, and too late to take it

        holder = asyncio.ensure_future(first())
        second, third = asyncio.ensure_future(redis.get(key)), asyncio.ensure_future(redis.get(key))
        assert await third == "there"
        await holder
        assert second.cancelled()
        await redis.close()

    async def test_a_hung_server_is_a_timeout_and_then_all_is_well_again(self, relayed: Redis, relay: Relay) -> None:
        names = [f"text:{uuid4()}" for _ in range(100)]
        await relayed.send([("SET", name, name) for name in names])
        relay.hush()
        waited = []
        for name in names[:3]:
            started = perf_counter()
            with pytest.raises(StoreTimeout):
                await relayed.get(name)
            waited.append(perf_counter() - started)
        assert 0.35 < min(waited) < 1.0
        with kept() as ledger:
            answers = await asyncio.gather(*map(relayed.get, names), return_exceptions=True)
        assert {type(answer) for answer in answers} == {StoreTimeout}, "also those that waited for a connection"
        assert ledger.stores[StoreName.REDIS].rows == 0
        assert relayed.circuit.state == "opened", "so many failures in a row"
        with pytest.raises(NotAsked):
            await relayed.get(names[0])
        relay.speak()
        assert await well_again(lambda: relayed.get(names[0])) == names[0]
        relayed.deadline = 10.0
        assert await asyncio.gather(*map(relayed.get, names)) == names, "nobody reads the answer to another's question"

    async def test_a_cancelled_reader_leaves_nothing_behind(self, relayed: Redis, relay: Relay) -> None:
        mine, yours = f"text:{uuid4()}", f"text:{uuid4()}"
        await relayed.send([("SET", mine, "mine"), ("SET", yours, "yours")])
        relay.hush()
        reader = asyncio.ensure_future(relayed.get(mine))
        await relay.has_heard(f"GET\r\n$41\r\n{mine}\r\n".encode())
        reader.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reader
        relay.speak()
        assert [await relayed.get(yours) for _ in range(5)] == ["yours"] * 5

    async def test_a_server_that_never_greets_is_a_timeout(self, relay: Relay, url: str) -> None:
        relay.hush()
        started = perf_counter()
        with pytest.raises(StoreTimeout):
            await Redis.open(through(url, relay), within=0.2)
        assert perf_counter() - started < 1

    async def test_connections_that_the_server_closed_are_replaced(self, redis: Redis) -> None:
        key = f"text:{uuid4()}"
        await redis.set(key, "there")
        await asyncio.gather(*(redis.get(key) for _ in range(5)))
        await redis.raw.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
        assert [await redis.get(key) for _ in range(6)] == ["there"] * 6

    async def test_a_write_whose_answer_is_lost_is_not_sent_again(
        self, redis: Redis, relayed: Redis, relay: Relay
    ) -> None:
        key = f"counter:{uuid4()}"
        relay.hush()
        write = asyncio.ensure_future(relayed.pipeline().command("INCR", key).send())
        await relay.has_heard(f"{key}\r\n".encode())
        relay.cut()
        relay.speak()
        with pytest.raises(StoreUnavailable):
            await write
        assert await relayed.pipeline().command("INCR", key).send() == [2], "it was done once"

    async def test_a_server_that_is_gone_is_unavailable(self, url: str) -> None:
        async with relay_to(url).listening() as relay:
            redis = await Redis.open(through(url, relay))
        with pytest.raises(StoreUnavailable, match=r"^redis is not available$") as gone:
            await redis.get("text")
        assert not isinstance(gone.value, StoreTimeout)
        await redis.close()

    async def test_nobody_there_at_the_start_is_a_sentence(self) -> None:
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            place = f"127.0.0.1:{taken.getsockname()[1]}"
            with pytest.raises(StoreMisconfigured) as refused:
                await Redis.open(f"redis://{place}/0")
        assert str(refused.value) == f"REDIS_URL names a server that does not answer: nothing listens at {place}."

    async def test_a_wrong_password_is_a_sentence_that_does_not_repeat_it(
        self, redis: Redis, relay: Relay, url: str
    ) -> None:
        await redis.raw.execute_command("ACL", "SETUSER", "visitor", "on", ">studygraph-demo", "~*", "+@all")
        visitor = await Redis.open(through(url, relay, user="visitor:studygraph-demo"))
        await visitor.close()
        with pytest.raises(
            StoreMisconfigured, match=r"^Redis refuses the user name or password in REDIS_URL$"
        ) as refused:
            await Redis.open(through(url, relay, user="visitor:wrong-secret"))
        assert "wrong-secret" not in repr(refused.value)
        await redis.raw.execute_command("ACL", "DELUSER", "visitor")

    # Long reads, on connections of their own

    async def test_whoever_waits_for_a_stream_keeps_no_request_waiting(self, redis: Redis) -> None:
        stream = f"stream:{uuid4()}"
        waiting = [asyncio.ensure_future(redis.raw.xread({stream: "$"}, block=5000)) for _ in range(10)]
        stats = await redis.pipeline().command("INFO", "clients").send()
        while stats[0]["blocked_clients"] < 10:
            stats = await redis.pipeline().command("INFO", "clients").send()
        entry = (await redis.pipeline().command("XADD", stream, "*", "event", "go").send())[0]
        assert await asyncio.gather(*waiting) == [[[stream, [(entry, {"event": "go"})]]]] * 10

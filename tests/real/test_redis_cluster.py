"""Does a cluster of three masters keep the promise of keys, also while keys move and a node is away?"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from time import perf_counter
from uuid import uuid4

import pytest
import pytest_asyncio
from redis import asyncio as driver
from redis.crc import key_slot

from datadir.circuit import NotAsked
from datadir.errors import StoreError, StoreMisconfigured, StoreTimeout, StoreUnavailable
from datadir.ledger import kept
from datadir.names import StoreName
from datadir.redis import keys
from datadir.redis.client import CONNECTIONS, LONG_READS, Redis
from datadir.redis.cluster import Cluster
from tests.redis_keys import new_session_id
from tests.servers.redis import NODES, PASSWORD, SLOTS
from tests.servers.server import Process, Server
from tests.stores.recovery import well_again
from tests.stores.redis_keys_contract import RELEASE, RedisKeysContract


def on_node(nth: int) -> str:
    """A key of its own that the node with this number has at first."""
    while True:
        key = f"text:{uuid4()}"
        if key_slot(key.encode()) * NODES // SLOTS == nth:
            return key


def one_on_each() -> list[str]:
    """A key on each node, in the order of the nodes."""
    return [on_node(nth) for nth in range(NODES)]


class Member(driver.Redis):
    """One node, asked directly."""

    async def id(self) -> str:
        """What the others call it."""
        return str(await self.execute_command("CLUSTER", "MYID"))

    async def port(self) -> int:
        """Where it listens."""
        return int((await self.config_get("port"))["port"])


@asynccontextmanager
async def members(redis: Redis) -> AsyncIterator[list[Member]]:
    """The nodes in the order of their slots at first."""
    assert isinstance(redis._server, Cluster)
    places = list(dict.fromkeys(redis._server._slots))
    nodes = [Member.from_url(redis._server._address(place), decode_responses=True) for place in places]
    try:
        yield nodes
    finally:
        for node in nodes:
            await node.aclose()


class TestRedisCluster(RedisKeysContract):
    """Three masters of Debian's Redis 7, with a password."""

    implementation = "Redis Cluster of three"

    @pytest.fixture
    def url(self, redis_cluster: Server) -> str:
        return redis_cluster.settings["REDIS_URL"]

    async def test_the_ping_says_how_many_nodes_answer(self, redis: Redis) -> None:
        with kept() as ledger:
            name, version, *others = (await redis.ping()).split(" ")
        assert (name, int(version.split(".")[0]) >= 7, others) == ("redis", True, ["on", "3", "nodes"])
        assert ledger.stores == {}

    # One call, however many nodes

    async def test_reading_many_keys_is_one_call_that_asks_each_node_once(self, redis: Redis) -> None:
        values = {key: str(number) for number, key in enumerate(on_node(number % NODES) for number in range(60))}
        with kept() as ledger:
            await redis.send([("SET", key, value) for key, value in values.items()])
            nowhere = f"text:{uuid4()}"
            wanted = [nowhere, *values, next(iter(values))]
            found = await redis.read_many(wanted)
        assert found == [None, *values.values(), next(iter(values.values()))]
        entry = ledger.stores[StoreName.REDIS]
        assert (entry.calls, entry.rows, entry.fanout) == (2, len(values) + 1, 2 * NODES)

    async def test_a_call_about_one_person_asks_one_node(self, redis: Redis) -> None:
        owner = uuid4()
        session = keys.session(new_session_id(owner))
        with kept() as ledger:
            await redis.write_hash(session, {"user_id": str(owner)}, ttl=60)
            await redis.pipeline().command("EXISTS", session, keys.presence(owner)).command("TTL", session).send()
        assert (ledger.stores[StoreName.REDIS].calls, ledger.stores[StoreName.REDIS].fanout) == (2, 2)

    async def test_a_pipeline_over_all_nodes_answers_in_the_order_of_its_commands(self, redis: Redis) -> None:
        east, north, west = one_on_each()
        pipeline = redis.pipeline()
        for key in (west, east, north, west, east):
            pipeline.command("INCR", key)
        pipeline.command("GET", north).command("MGET", east, west, north, east)
        assert await pipeline.send() == [1, 1, 1, 2, 2, "1", ["2", "2", "1", "2"]]

    async def test_a_value_of_another_kind_is_refused_and_the_other_nodes_are_not(self, redis: Redis) -> None:
        east, north, west = one_on_each()
        await redis.write_hash(north, {"a": 1}, ttl=60)
        with pytest.raises(StoreError, match=r"^redis refused a command$"):
            await redis.pipeline().command("SET", east, "1").command("GET", north).command("SET", west, "1").send()
        assert await redis.read_many([east, west]) == ["1", "1"]

    # What one command may not touch together

    async def test_keys_of_several_slots_are_refused_where_one_command_has_to_see_them_all(self, redis: Redis) -> None:
        east, north, _ = one_on_each()
        await redis.send([("SET", east, "1"), ("SET", north, "1")])
        release = redis.script(RELEASE)
        for crossing in (
            redis.delete(east, north),
            release([east, north], ["1"]),
            redis.pipeline(atomic=True).command("INCR", east).command("INCR", north).send(),
        ):
            with pytest.raises(StoreError, match=r"^redis refused a command$") as refused:
                await crossing
            assert not isinstance(refused.value, StoreUnavailable)
        assert await redis.read_many([east, north]) == ["1", "1"]

    # Connections

    async def test_no_node_gets_more_connections_than_the_pool_has(self, redis: Redis) -> None:
        key = on_node(0)
        redis.deadline = 10.0
        await redis.set(key, "there")
        assert await asyncio.gather(*(redis.get(key) for _ in range(200))) == ["there"] * 200
        async with members(redis) as nodes:
            for node in nodes:
                clients = [line for line in await node.client_list() if line["db"] == "0" and line["cmd"] == "get"]
                assert len(clients) in (0, CONNECTIONS)

    async def test_whoever_waits_for_a_stream_keeps_no_request_waiting(self, redis: Redis) -> None:
        stream = f"stream:{uuid4()}"
        waiting = [asyncio.ensure_future(redis.raw.xread({stream: "$"}, block=5000)) for _ in range(LONG_READS)]
        async with asyncio.timeout(5), members(redis) as nodes:
            while sum([(await node.info("clients"))["blocked_clients"] for node in nodes]) < LONG_READS:
                pass
        [entry] = await redis.pipeline().command("XADD", stream, "*", "event", "go").send()
        assert await asyncio.gather(*waiting) == [[[stream, [(entry, {"event": "go"})]]]] * LONG_READS

    async def test_a_wrong_password_is_a_sentence_that_does_not_repeat_it(self, url: str) -> None:
        wrong = url.replace(url.partition("@")[0].rpartition(":")[2], "wrong-secret")
        with pytest.raises(StoreMisconfigured, match=r"^Redis refuses the user name or password") as refused:
            await Redis.open(wrong)
        assert "wrong-secret" not in repr(refused.value)


class TestMovingKeys:
    """A slot goes from one node to another while it is asked for."""

    @pytest_asyncio.fixture
    async def redis(self, redis_cluster: Server) -> AsyncIterator[Redis]:
        redis = await Redis.open(redis_cluster.settings["REDIS_URL"])
        yield redis
        await redis.close()

    async def test_a_key_is_found_before_during_and_after_its_move_and_no_write_is_lost(self, redis: Redis) -> None:
        key = on_node(0)
        slot = key_slot(key.encode())
        there = f"{{{key}}}:there"
        counts = [await self.counted(redis, key)]
        async with members(redis) as nodes:
            source, target, *_ = nodes
            await target.cluster("SETSLOT", slot, "IMPORTING", await source.id())
            await source.cluster("SETSLOT", slot, "MIGRATING", await target.id())
            counts.append(await self.counted(redis, key))
            # Not there yet: the old node asks to look at the new one, for this once.
            await redis.set(there, "made while it moves")
            assert await target.cluster("COUNTKEYSINSLOT", slot) == 1
            arguments = ["127.0.0.1", await target.port(), key, 0, 1000, "AUTH", PASSWORD]
            await source.execute_command("MIGRATE", *arguments)
            counts.append(await self.counted(redis, key))
            assert await redis.read_many([key]) == ["3"]
            with pytest.raises(StoreUnavailable):
                await redis.write_hash(f"{{{key}}}:hash", {"a": 1}, ttl=60)  # asking and MULTI do not go together
            for node in (target, source, *nodes[2:]):
                await node.cluster("SETSLOT", slot, "NODE", await target.id())
            counts.append(await self.counted(redis, key))
            await redis.write_hash(f"{{{key}}}:hash", {"a": 1}, ttl=60)
        assert counts == [1, 2, 3, 4]
        assert await redis.read_many([there, key]) == ["made while it moves", "4"]
        with kept() as ledger:
            await redis.get(key)
        assert (ledger.stores[StoreName.REDIS].calls, ledger.stores[StoreName.REDIS].fanout) == (1, 1), "it has learnt"

    async def counted(self, redis: Redis, key: str) -> int:
        [count] = await redis.pipeline().command("INCR", key).send()
        return int(count)


class TestLosingANode:
    """One master hangs, or is gone. The others go on, as far as the cluster lets them."""

    @pytest_asyncio.fixture
    async def redis(self, redis_cluster: Server) -> AsyncIterator[Redis]:
        redis = await Redis.open(redis_cluster.settings["REDIS_URL"])
        yield redis
        await redis.close()

    @pytest.fixture
    def last(self, redis_cluster: Server) -> Process:
        if not redis_cluster.processes:
            pytest.skip("REDIS_URL names a cluster that is not ours to end")
        return redis_cluster.processes[-1]

    async def test_a_node_that_hangs_costs_the_deadline_and_its_own_keys(self, redis: Redis, last: Process) -> None:
        east, _, west = one_on_each()
        await redis.send([("SET", east, "east"), ("SET", west, "west")])
        last.pause()
        try:
            started = perf_counter()
            with pytest.raises(StoreTimeout):
                await redis.read_many([east, west])
            assert 0.35 < perf_counter() - started < 1
            assert await redis.get(east) == "east"
        finally:
            last.resume()
        assert await well_again(lambda: redis.read_many([east, west])) == ["east", "west"]

    async def test_after_a_node_was_killed_and_is_back_all_is_well_without_a_restart(
        self, redis: Redis, last: Process
    ) -> None:
        east, _, west = one_on_each()
        await redis.send([("SET", east, "east"), ("SET", west, "west")])
        await last.kill()
        with pytest.raises(StoreUnavailable) as gone:
            await redis.get(west)
        assert not isinstance(gone.value, StoreTimeout | NotAsked)
        await last.start()
        assert await well_again(lambda: redis.read_many([east, west])) == ["east", "west"]
        async with members(redis) as nodes:
            for node in nodes:
                while "cluster_state:ok" not in await node.execute_command("CLUSTER", "INFO"):
                    await asyncio.sleep(0.02)

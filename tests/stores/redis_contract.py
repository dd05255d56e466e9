"""What does every Redis promise, embedded or real?"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from time import perf_counter
from uuid import UUID, uuid4

import pytest
import pytest_asyncio

from datadir.errors import StoreError, StoreMisconfigured, StoreTimeout, StoreUnavailable
from datadir.ledger import kept
from datadir.names import StoreName
from datadir.redis import client, keys
from datadir.redis.client import CONNECTIONS, Redis
from tests.stores.relay import Relay, relay_to, through

ADA = UUID("00000000-0000-4000-8000-0000000000ad")

# What `loaders/` asks with every request: whose session is it, and mark its owner as seen. Two keys, one slot.
# Arguments: now, seconds after the last activity, seconds after the creation, seconds of presence.
TOUCH = """
local session = redis.call('HMGET', KEYS[1], 'user_id', 'role', 'created_at')
if not session[1] then return nil end
local left = math.min(tonumber(ARGV[2]), tonumber(session[3]) + tonumber(ARGV[3]) - tonumber(ARGV[1]))
if left <= 0 then
  redis.call('DEL', KEYS[1])
  return nil
end
redis.call('HSET', KEYS[1], 'last_activity', ARGV[1])
redis.call('EXPIRE', KEYS[1], left)
redis.call('SET', KEYS[2], ARGV[1], 'EX', ARGV[4])
return session
"""
COUNT_IN_WINDOW = """
local used = redis.call('INCR', KEYS[1])
if used == 1 then redis.call('EXPIRE', KEYS[1], ARGV[1]) end
return {used, redis.call('TTL', KEYS[1])}
"""
RELEASE = "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) else return 0 end"
ECHO = "return ARGV[1]"


class RedisContract:
    """`url` is the server's address; `redis` reaches it directly, `relayed` through `relay`."""

    @pytest_asyncio.fixture
    async def redis(self, url: str) -> AsyncIterator[Redis]:
        redis = await Redis.open(url, scripts=[TOUCH, COUNT_IN_WINDOW, RELEASE, ECHO])
        yield redis
        await redis.close()

    @pytest_asyncio.fixture
    async def relay(self, url: str) -> AsyncIterator[Relay]:
        async with relay_to(url).listening() as relay:
            yield relay

    @pytest_asyncio.fixture
    async def relayed(self, url: str, relay: Relay) -> AsyncIterator[Redis]:
        redis = await Redis.open(through(url, relay), scripts=[ECHO])
        yield redis
        await redis.close()

    # Values by key

    async def test_many_keys_are_read_in_one_call_aligned_with_the_keys(self, redis: Redis) -> None:
        here, there, nowhere = (f"{name}:{uuid4()}" for name in ("here", "there", "nowhere"))
        await redis.set(here, "1")
        await redis.set(there, "zwei")
        with kept() as ledger:
            assert await redis.read_many([there, nowhere, here, there]) == ["zwei", None, "1", "zwei"]
            assert await redis.read_many([]) == []
        assert (ledger.stores[StoreName.REDIS].calls, ledger.stores[StoreName.REDIS].rows) == (1, 3)

    async def test_a_text_lives_as_long_as_it_was_told(self, redis: Redis) -> None:
        key = f"text:{uuid4()}"
        assert await redis.set(key, "first", ttl=60) is True
        assert await redis.set(key, "second", ttl=60, only_new=True) is False
        assert await redis.get(key) == "first"
        assert await redis.raw.ttl(key) == 60
        assert await redis.expire(key, 5) is True
        assert await redis.raw.ttl(key) == 5
        assert await redis.delete(key) == 1
        assert await redis.get(key) is None
        assert await redis.expire(key, 5) is False

    async def test_what_has_expired_is_gone(self, redis: Redis) -> None:
        key = f"text:{uuid4()}"
        await redis.set(key, "soon gone", ttl=60)
        await redis.raw.pexpireat(key, 1)
        assert await redis.read_many([key]) == [None]

    async def test_many_texts_are_written_with_their_time_to_live_in_one_call(self, redis: Redis) -> None:
        values = {f"presence:{uuid4()}": str(number) for number in range(20)}
        with kept() as ledger:
            await redis.write_many(values, ttl=30)
            await redis.write_many({}, ttl=30)
        assert ledger.stores[StoreName.REDIS].calls == 1
        assert await redis.read_many(list(values)) == list(values.values())
        assert {await redis.raw.ttl(key) for key in values} == {30}

    async def test_a_hash_is_written_with_its_time_to_live_in_one_call(self, redis: Redis) -> None:
        key = keys.session(keys.new_session_id(ADA))
        with kept() as ledger:
            await redis.write_hash(key, {"user_id": str(ADA), "role": "teacher", "created_at": 1000}, ttl=3600)
        assert ledger.stores[StoreName.REDIS].calls == 1
        assert await redis.hgetall(key) == {"user_id": str(ADA), "role": "teacher", "created_at": "1000"}
        assert await redis.raw.ttl(key) == 3600
        assert await redis.hgetall(f"{key}.not") == {}

    async def test_text_in_any_language_comes_back(self, redis: Redis) -> None:
        key = f"text:{uuid4()}"
        await redis.set(key, "Grüße, 数学 \r\n*3\x00")
        assert await redis.get(key) == "Grüße, 数学 \r\n*3\x00"

    # Scripts

    async def test_a_session_slides_but_never_beyond_its_life_and_marks_its_owner_as_seen(self, redis: Redis) -> None:
        owner = uuid4()
        session, presence = keys.session(keys.new_session_id(owner)), keys.presence(owner)
        await redis.write_hash(session, {"user_id": str(owner), "role": "student", "created_at": 1000}, ttl=100)
        touch = redis.script(TOUCH)

        with kept() as ledger:
            assert await touch([session, presence], [5000, 3600, 86400, 300]) == [str(owner), "student", "1000"]
        assert ledger.stores[StoreName.REDIS].calls == 1
        assert await redis.raw.ttl(session) == 3600
        assert await redis.raw.hget(session, "last_activity") == "5000"
        assert (await redis.get(presence), await redis.raw.ttl(presence)) == ("5000", 300)

        await touch([session, presence], [87390, 3600, 86400, 300])
        assert await redis.raw.ttl(session) == 10, "created at 1000, so over at 87400"
        assert await touch([session, presence], [87400, 3600, 86400, 300]) is None
        assert await redis.hgetall(session) == {}

    async def test_no_session_leaves_no_presence(self, redis: Redis) -> None:
        stranger = uuid4()
        keys_of_one_slot = [keys.session(keys.new_session_id(stranger)), keys.presence(stranger)]
        assert await redis.script(TOUCH)(keys_of_one_slot, [5000, 3600, 86400, 300]) is None
        assert await redis.get(keys.presence(stranger)) is None

    async def test_a_rate_limit_counts_within_one_window(self, redis: Redis) -> None:
        key, count = keys.rate_limit(uuid4(), "logIn"), redis.script(COUNT_IN_WINDOW)
        assert await count([key], [keys.RATE_WINDOW]) == [1, 60]
        await redis.expire(key, 7)
        assert await count([key], [keys.RATE_WINDOW]) == [2, 7], "the window does not slide"
        together = await asyncio.gather(*(count([key], [keys.RATE_WINDOW]) for _ in range(50)))
        assert sorted(used for used, _ in together) == list(range(3, 53))

    async def test_a_lock_is_released_by_its_holder_only(self, redis: Redis) -> None:
        lock, release = f"lock:{uuid4()}", redis.script(RELEASE)
        assert await redis.set(lock, "mine", ttl=10, only_new=True) is True
        assert await redis.set(lock, "theirs", ttl=10, only_new=True) is False
        assert await release([lock], ["theirs"]) == 0
        assert await redis.get(lock) == "mine"
        assert await release([lock], ["mine"]) == 1
        assert await redis.get(lock) is None

    async def test_a_script_that_the_server_forgot_is_loaded_again_once(self, redis: Redis) -> None:
        echo, key = redis.script(ECHO), f"text:{uuid4()}"
        await redis.raw.script_flush()
        with kept() as ledger:
            assert await echo([], ["here"]) == "here"
            assert ledger.stores[StoreName.REDIS].calls == 2
            assert await echo([], ["and here"]) == "and here"
        assert ledger.stores[StoreName.REDIS].calls == 3
        await redis.raw.script_flush()
        pipeline = redis.pipeline().script(echo, [], ["a"]).command("SET", key, "b").script(echo, [], ["c"])
        assert await pipeline.send() == ["a", True, "c"]

    async def test_a_wrong_command_is_a_defect_and_not_an_outage(self, redis: Redis) -> None:
        key = f"hash:{uuid4()}"
        await redis.write_hash(key, {"a": 1}, ttl=60)
        with pytest.raises(StoreError, match=r"^redis refused a command$") as refused:
            await redis.get(key)
        assert not isinstance(refused.value, StoreUnavailable)
        with pytest.raises(StoreError, match=r"^redis refused a command$"):
            await redis.script("return redis.call('GET', KEYS[1])")([key])

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
            await redis.hgetall(f"{key}:hash")
            await redis.expire(key, 9)
            await echo([], ["x"])
            await redis.pipeline().command("GET", key).command("GET", key).script(echo, [], ["y"]).send()
            await redis.write_many({key: "1", f"{key}:2": "2"}, ttl=9)
            await redis.delete(key)
            await redis.ping()
        said = await redis.raw.info("commandstats")
        counted = {name.removeprefix("cmdstat_"): stats["calls"] for name, stats in said.items()}
        upkeep = {"config|resetstat", "info", "auth", "select", "hello", "client|setinfo"}
        assert {name: calls for name, calls in counted.items() if name not in upkeep} == {
            "set": 1 + 2,
            "get": 1 + 2,
            "mget": 1,
            "hgetall": 1,
            "expire": 1,
            "evalsha": 1 + 1,
            "del": 1,
        }
        assert ledger.stores[StoreName.REDIS].calls == 9, "ten requests, of which the ping is health"

    async def test_the_ping_says_which_server_it_is_and_counts_as_nothing(self, redis: Redis) -> None:
        with kept() as ledger:
            name, _, version = (await redis.ping()).partition(" ")
        assert name in ("redis", "valkey")
        assert int(version.split(".")[0]) >= 7
        assert ledger.stores == {}

    # Connections and deadlines

    async def test_a_full_pool_waits(self, relayed: Redis, relay: Relay) -> None:
        key = f"text:{uuid4()}"
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
        await relayed.write_many({name: name for name in names}, ttl=60)
        relay.hush()
        waited = []
        for name in names[:3]:
            started = perf_counter()
            with pytest.raises(StoreTimeout):
                await relayed.get(name)
            waited.append(perf_counter() - started)
        assert 0.35 < min(waited) < 0.6
        with kept() as ledger:
            answers = await asyncio.gather(*map(relayed.get, names), return_exceptions=True)
        assert {type(answer) for answer in answers} == {StoreTimeout}, "also those that waited for a connection"
        assert ledger.stores[StoreName.REDIS].rows == 0
        relay.speak()
        assert await asyncio.gather(*map(relayed.get, names)) == names, "nobody reads the answer to another's question"

    async def test_a_cancelled_reader_leaves_nothing_behind(self, relayed: Redis, relay: Relay) -> None:
        mine, yours = f"text:{uuid4()}", f"text:{uuid4()}"
        await relayed.write_many({mine: "mine", yours: "yours"}, ttl=60)
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

    async def test_nobody_there_at_the_start_is_unavailable(self) -> None:
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            with pytest.raises(StoreUnavailable, match=r"^redis is not available$"):
                await Redis.open(f"redis://127.0.0.1:{taken.getsockname()[1]}/0")

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

    # Channels and streams, on connections of their own

    async def test_a_subscriber_hears_what_is_said_after_it_subscribed(self, redis: Redis) -> None:
        channel = f"news:{uuid4()}"
        async with redis.raw.pubsub(ignore_subscribe_messages=True) as listener:
            await listener.subscribe(channel)
            await listener.get_message(ignore_subscribe_messages=True, timeout=2)
            assert await redis.pipeline().command("PUBLISH", channel, "hello").send() == [1]
            message = await listener.get_message(ignore_subscribe_messages=True, timeout=2)
        assert message is not None
        assert (message["channel"], message["data"]) == (channel, "hello")

    async def test_a_stream_group_gives_each_entry_to_one_reader_until_it_is_acknowledged(self, redis: Redis) -> None:
        stream, raw = f"stream:{uuid4()}", redis.raw
        await raw.xgroup_create(stream, "workers", id="0", mkstream=True)
        first, second = [await raw.xadd(stream, {"event": name}) for name in ("one", "two")]

        assert await raw.xreadgroup("workers", "ada", {stream: ">"}, count=1) == [[stream, [(first, {"event": "one"})]]]
        assert await raw.xreadgroup("workers", "bob", {stream: ">"}, count=9) == [
            [stream, [(second, {"event": "two"})]]
        ]
        assert await raw.xack(stream, "workers", second) == 1
        assert (await raw.xpending(stream, "workers"))["consumers"] == [{"name": "ada", "pending": 1}]

        _, claimed, _ = await raw.xautoclaim(stream, "workers", "bob", min_idle_time=0)
        assert claimed == [(first, {"event": "one"})], "ada is gone, bob takes over"
        assert await raw.xack(stream, "workers", first) == 1
        assert (await raw.xpending(stream, "workers"))["pending"] == 0

    async def test_whoever_waits_for_a_stream_keeps_no_request_waiting(self, redis: Redis) -> None:
        stream = f"stream:{uuid4()}"
        waiting = [asyncio.ensure_future(redis.raw.xread({stream: "$"}, block=5000)) for _ in range(10)]
        stats = await redis.pipeline().command("INFO", "clients").send()
        while stats[0]["blocked_clients"] < 10:
            stats = await redis.pipeline().command("INFO", "clients").send()
        entry = (await redis.pipeline().command("XADD", stream, "*", "event", "go").send())[0]
        assert await asyncio.gather(*waiting) == [[[stream, [(entry, {"event": "go"})]]]] * 10

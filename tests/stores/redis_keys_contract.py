"""What does every Redis promise that a request asks by key: sessions, limits, presence, locks, channels, streams?

A cluster promises this much too; what is said of connections and of single requests is in `redis_contract.py`.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from uuid import UUID, uuid4

import pytest
import pytest_asyncio

from datadir.errors import StoreError, StoreUnavailable
from datadir.ledger import kept
from datadir.names import StoreName
from datadir.redis import keys
from datadir.redis.client import Redis
from tests.redis_keys import new_session_id

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


class RedisKeysContract:
    """`url` is the server's address; `redis` reaches it."""

    @pytest_asyncio.fixture
    async def redis(self, url: str) -> AsyncIterator[Redis]:
        redis = await Redis.open(url, scripts=[TOUCH, COUNT_IN_WINDOW, RELEASE, ECHO])
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
        assert await redis.delete(key) == 1
        assert await redis.get(key) is None

    async def test_what_has_expired_is_gone(self, redis: Redis) -> None:
        key = f"text:{uuid4()}"
        await redis.set(key, "soon gone", ttl=60)
        await redis.raw.pexpireat(key, 1)
        assert await redis.read_many([key]) == [None]

    async def test_a_hash_is_written_with_its_time_to_live_in_one_call(self, redis: Redis) -> None:
        key = keys.session(new_session_id(ADA))
        with kept() as ledger:
            await redis.write_hash(key, {"user_id": str(ADA), "role": "teacher", "created_at": 1000}, ttl=3600)
        assert ledger.stores[StoreName.REDIS].calls == 1
        assert await redis.raw.hgetall(key) == {"user_id": str(ADA), "role": "teacher", "created_at": "1000"}
        assert await redis.raw.ttl(key) == 3600

    async def test_text_in_any_language_comes_back(self, redis: Redis) -> None:
        key = f"text:{uuid4()}"
        await redis.set(key, "Grüße, 数学 \r\n*3\x00")
        assert await redis.get(key) == "Grüße, 数学 \r\n*3\x00"

    # Scripts

    async def test_a_session_slides_but_never_beyond_its_life_and_marks_its_owner_as_seen(self, redis: Redis) -> None:
        owner = uuid4()
        session, presence = keys.session(new_session_id(owner)), keys.presence(owner)
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
        assert await redis.raw.hgetall(session) == {}

    async def test_no_session_leaves_no_presence(self, redis: Redis) -> None:
        stranger = uuid4()
        keys_of_one_slot = [keys.session(new_session_id(stranger)), keys.presence(stranger)]
        assert await redis.script(TOUCH)(keys_of_one_slot, [5000, 3600, 86400, 300]) is None
        assert await redis.get(keys.presence(stranger)) is None

    async def test_a_rate_limit_counts_within_one_window(self, redis: Redis) -> None:
        key, count = keys.rate_limit(uuid4(), "logIn"), redis.script(COUNT_IN_WINDOW)
        assert await count([key], [keys.RATE_WINDOW]) == [1, 60]
        await redis.raw.expire(key, 30)
        used, left = await count([key], [keys.RATE_WINDOW])
        assert (used, 20 < left <= 30) == (2, True), "the window does not slide"
        redis.deadline = 10.0
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

"""How is Redis reached, in as few wire requests as possible?

One implementation for the embedded Valkey and for a real Redis: both speak the same protocol, so there is no Protocol
class here. Only commands that Redis 7 and Valkey 9 both have are used. Every request is one entry in the ledger,
however many commands it carries, and ends within its deadline: hanging is `StoreTimeout`, anything else that keeps an
answer away is `StoreUnavailable`, a command that the server finds wrong is `StoreError` (a defect of the caller).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from hashlib import sha1
from time import perf_counter
from typing import Any, Self, TypeVar

from redis import asyncio as driver
from redis import exceptions as failures
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from datadir.errors import StoreError, StoreMisconfigured, StoreTimeout, StoreUnavailable
from datadir.ledger import count
from datadir.names import StoreName

DEADLINE = 0.4
"""Seconds for one request, waiting for a free connection included."""
OPEN_DEADLINE = 3.0
"""Seconds for the first answer after the program has started."""
CONNECTIONS = 40
"""Connections for requests. Together with `LONG_READS` they are the seed's 50."""
LONG_READS = 10
"""Connections for `Redis.raw`: whoever waits for a message must not keep a request waiting."""
RAW_WAIT = 2.0
"""Seconds that `Redis.raw` waits for a free connection."""

Argument = str | int | float | bytes
Command = tuple[Argument, ...]
Answer = TypeVar("Answer")

# Replies that speak of the server's state, not of the command: nothing is wrong with the caller.
_NOT_NOW = (
    failures.ClusterError,
    failures.ReadOnlyError,
    failures.OutOfMemoryError,
    failures.TryAgainError,
    failures.NoPermissionError,
)
_NOT_NOW_WORDS = ("MISCONF", "NOREPLICAS", "BUSY ", "UNKILLABLE")


class Script:
    """One Lua script, sent by its hash: `await script(keys, arguments)` is one wire request.

    All keys of one call carry the same hash tag. The answer is Redis' own: int, str, list, or None for Lua's nil and
    false.
    """

    __slots__ = ("_redis", "sha", "source")

    def __init__(self, redis: Redis, source: str) -> None:
        self._redis = redis
        self.source = source
        self.sha = sha1(source.encode(), usedforsecurity=False).hexdigest()

    async def __call__(self, keys: Sequence[str], arguments: Sequence[Argument] = ()) -> Any:
        """Run the script. StoreUnavailable, StoreTimeout; StoreError when the script itself fails."""
        replies = await self._redis.send([self.command(keys, arguments)])
        return replies[0]

    def command(self, keys: Sequence[str], arguments: Sequence[Argument] = ()) -> Command:
        """The command that runs this script, for a pipeline."""
        return ("EVALSHA", self.sha, len(keys), *keys, *arguments)


class Pipeline:
    """Commands that travel together: one wire request, one entry in the ledger, answers in the order of the commands.

    Commands of others may run in between, unless the pipeline is `atomic` (MULTI/EXEC); an atomic one carries no
    scripts. No command may depend on the answer of another: a script that the server has forgotten is sent once more
    after the rest has run.
    """

    __slots__ = ("_atomic", "_commands", "_redis")

    def __init__(self, redis: Redis, *, atomic: bool) -> None:
        self._redis = redis
        self._atomic = atomic
        self._commands: list[Command] = []

    def command(self, *parts: Argument) -> Self:
        """Add a plain command, such as `("SET", key, value, "EX", 60)`."""
        self._commands.append(parts)
        return self

    def script(self, script: Script, keys: Sequence[str], arguments: Sequence[Argument] = ()) -> Self:
        """Add a script."""
        self._commands.append(script.command(keys, arguments))
        return self

    async def send(self) -> list[Any]:
        """Send all commands; an empty pipeline is no call. StoreError when any command is refused: the others ran."""
        return await self._redis.send(self._commands, atomic=self._atomic)


class Redis:
    """Sessions, presence, counters: values by key. Made by `open`, safe for any number of tasks."""

    def __init__(self, url: str) -> None:
        self._scripts: dict[str, Script] = {}
        # Waiting happens here and not inside the pool: until Python 3.13 its asyncio.Condition forgets the next waiter
        # when the one it has just woken gives up, and a free connection then serves nobody.
        self._slots = asyncio.Semaphore(CONNECTIONS)
        self._requests = driver.Redis.from_pool(_pool(url, CONNECTIONS))
        self.raw: driver.Redis = driver.Redis.from_pool(_pool(url, LONG_READS))
        """The driver's own client on connections of its own, for what waits longer than a request: reading streams
        and listening to channels. Not counted, no deadline, the driver's exceptions: `loaders/streams.py` and tests."""

    @classmethod
    async def open(cls, url: str, *, scripts: Iterable[str] = (), within: float = OPEN_DEADLINE) -> Redis:
        """Connect to `url` (redis://, rediss:// or unix://) and load `scripts`, so that each later run is one request.

        Waits up to `within` seconds for the first answer. StoreMisconfigured when the address or the password is wrong,
        StoreUnavailable or StoreTimeout when nobody answers.
        """
        try:
            redis = cls(url)
        except ValueError as wrong:
            raise StoreMisconfigured(
                StoreName.REDIS, "REDIS_URL must look like redis://host:6379/0, rediss://host:6379/0 or unix:///path"
            ) from wrong
        try:
            await redis.ping(within=within)
            await redis.load(scripts)
        except BaseException as failure:
            await redis.close()
            if isinstance(failure.__cause__, failures.AuthenticationError | failures.AuthorizationError):
                raise StoreMisconfigured(
                    StoreName.REDIS, "Redis refuses the user name or password in REDIS_URL"
                ) from failure
            raise
        return redis

    async def close(self) -> None:
        """Close every connection."""
        await self._requests.aclose()
        await self.raw.aclose()

    async def ping(self, *, within: float = DEADLINE) -> str:
        """Which server answers, such as `valkey 9.1.2` or `redis 7.0.15`. Health, so not in the ledger."""
        about: dict[str, Any] = await self._within(within, lambda: self._requests.info("server"))
        name = about.get("server_name", "redis")
        return f"{name} {about.get(f'{name}_version', about['redis_version'])}"

    # Reading

    async def get(self, key: str) -> str | None:
        """The text under `key`."""
        text: str | None = await self._one("GET", key)
        return text

    async def read_many(self, keys: Sequence[str]) -> list[str | None]:
        """The texts under `keys`, aligned with them, None where there is none. No keys: no call."""
        if not keys:
            return []
        texts: list[str | None] = await self._one("MGET", *keys)
        return texts

    async def hgetall(self, key: str) -> dict[str, str]:
        """All fields of the hash under `key`; empty when there is none."""
        fields: dict[str, str] = await self._one("HGETALL", key)
        return fields

    # Writing

    async def set(self, key: str, value: Argument, *, ttl: int | None = None, only_new: bool = False) -> bool:
        """Write one text for `ttl` seconds (None: for ever). False when `only_new` and the key was there."""
        expiry: Command = () if ttl is None else ("EX", ttl)
        condition: Command = ("NX",) if only_new else ()
        return bool(await self._one("SET", key, value, *expiry, *condition))

    async def write_many(self, values: Mapping[str, Argument], *, ttl: int) -> None:
        """Write many texts for `ttl` seconds in one request. Nothing to write: no call."""
        await self.send([("SET", key, value, "EX", ttl) for key, value in values.items()])

    async def write_hash(self, key: str, fields: Mapping[str, Argument], *, ttl: int) -> None:
        """Write fields of a hash and let it live `ttl` seconds, both or neither, in one request."""
        parts = [part for field in fields.items() for part in field]
        await self.send([("HSET", key, *parts), ("EXPIRE", key, ttl)], atomic=True)

    async def expire(self, key: str, ttl: int) -> bool:
        """Let `key` live `ttl` seconds from now. False when there is no such key."""
        return bool(await self._one("EXPIRE", key, ttl))

    async def delete(self, *keys: str) -> int:
        """Delete keys of one hash tag; how many there were. No keys: no call."""
        if not keys:
            return 0
        gone: int = await self._one("DEL", *keys)
        return gone

    # Several commands, scripts

    def pipeline(self, *, atomic: bool = False) -> Pipeline:
        """Commands that travel as one request."""
        return Pipeline(self, atomic=atomic)

    def script(self, source: str) -> Script:
        """The script with this source; asking twice gives the same. One that was not loaded costs one request more,
        once."""
        script = Script(self, source)
        return self._scripts.setdefault(script.sha, script)

    async def load(self, sources: Iterable[str]) -> None:
        """Give the server the scripts it will be asked to run."""
        await self.send([("SCRIPT", "LOAD", self.script(source).source) for source in sources])

    async def send(self, commands: Sequence[Command], *, atomic: bool = False) -> list[Any]:
        """Send commands as one request; what came back, in their order. No commands: no call.

        A script that the server forgot (it was restarted) is loaded and run in a second request.
        """
        if not commands:
            return []
        replies = await self._counted(commands, atomic)
        forgotten = [at for at, reply in enumerate(replies) if isinstance(reply, failures.NoScriptError)]
        if forgotten:
            sources = {str(commands[at][1]): self._scripts[str(commands[at][1])].source for at in forgotten}
            loads: list[Command] = [("SCRIPT", "LOAD", source) for source in sources.values()]
            second = await self._counted([*loads, *(commands[at] for at in forgotten)], atomic)
            for at, reply in zip(forgotten, second[len(loads) :], strict=True):
                replies[at] = reply
        for reply in replies:
            if isinstance(reply, failures.ResponseError):
                raise _translated(reply) from reply
        return replies

    async def _one(self, *command: Argument) -> Any:
        replies = await self.send([command])
        return replies[0]

    async def _counted(self, commands: Sequence[Command], atomic: bool) -> list[Any]:
        """One wire request. Refusals come back as values, in their command's place."""
        started = perf_counter()
        rows = 0
        try:
            replies = await self._within(DEADLINE, lambda: self._exchange(commands, atomic))
            rows = sum(map(_rows, replies))
            return replies
        finally:
            count(StoreName.REDIS, started=started, rows=rows)

    async def _exchange(self, commands: Sequence[Command], atomic: bool) -> list[Any]:
        if len(commands) == 1 and not atomic:
            try:
                return [await self._requests.execute_command(*commands[0])]  # type: ignore[no-untyped-call]
            except failures.ResponseError as refused:
                return [refused]
        pipeline = self._requests.pipeline(transaction=atomic)
        for command in commands:
            pipeline.execute_command(*command)
        return await pipeline.execute(raise_on_error=False)

    async def _within(self, deadline: float, request: Callable[[], Awaitable[Answer]]) -> Answer:
        """Wait for a free connection and for the answer, both within the deadline, in the words of `datadir.errors`."""
        try:
            async with asyncio.timeout(deadline), self._slots:
                return await request()
        except TimeoutError as late:
            raise StoreTimeout(StoreName.REDIS, f"redis did not answer within {deadline} s") from late
        except (failures.RedisError, OSError) as failure:
            raise _translated(failure) from failure


def _pool(url: str, size: int) -> driver.BlockingConnectionPool:
    return driver.BlockingConnectionPool.from_url(
        url,
        max_connections=size,
        timeout=RAW_WAIT,
        decode_responses=True,
        # RESP3 changes the shape of what streams answer.
        protocol=2,
        # Never: a write whose answer was lost may have been done. A connection that was closed while it lay idle is
        # noticed when it is taken from the pool, before anything is sent.
        retry=Retry(NoBackoff(), 0),
        # A request has its deadline around all it waits for; a long read waits as long as it likes.
        socket_timeout=None,
        socket_connect_timeout=OPEN_DEADLINE,
        # Saves every new connection the two commands that would tell the server the driver's name.
        driver_info=None,
    )


def _translated(failure: Exception) -> StoreError:
    if isinstance(failure, failures.TimeoutError):
        return StoreTimeout(StoreName.REDIS, "redis did not answer in time")
    if not isinstance(failure, failures.ResponseError) or isinstance(failure, _NOT_NOW):
        return StoreUnavailable(StoreName.REDIS)
    if str(failure).startswith(_NOT_NOW_WORDS):
        return StoreUnavailable(StoreName.REDIS)
    return StoreError(StoreName.REDIS, "redis refused a command")


def _rows(reply: object) -> int:
    """How many values a reply brings: of a list those that are there, of a hash one, of nothing none."""
    if isinstance(reply, list):
        return sum(item is not None for item in reply)
    if reply is None or isinstance(reply, bool | Exception) or reply == {}:
        return 0
    return 1

"""How is a connection to Redis set up, and in which sentence does a start fail that cannot have one?

By redis-py's own documentation: a pool that waits instead of raising when it is full, one TLS context for all of its
connections, nothing repeated behind our back.
"""

from __future__ import annotations

import asyncio
import ssl
from typing import Any, Final, cast
from urllib.parse import unquote, urlsplit

from redis import asyncio as driver
from redis import exceptions as failures
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from datadir import unreachable
from datadir.errors import StoreMisconfigured, StoreTimeout, StoreUnavailable
from datadir.names import StoreName
from datadir.tls import SYSTEM, TlsFiles

OPEN_DEADLINE: Final = 3.0
"""Seconds for a new connection, and for the first answer after the program has started."""
RAW_WAIT: Final = 2.0
"""Seconds that whoever asks the pool itself waits for a free connection."""
_SHAPE: Final = "REDIS_URL must look like redis://host:6379/0, rediss://host:6379/0 or unix:///path"
_OLDEST: Final = 7
_REFUSED: Final = (failures.AuthenticationError, failures.AuthorizationError)


class _TlsConnection(driver.SSLConnection):
    """Wrapped in a context of ours. The driver would read the files anew for each connection, on the event loop, and
    would trust whoever the system trusts besides our CA."""

    def __init__(self, *, context: ssl.SSLContext, **options: Any) -> None:
        super().__init__(**options)
        self.ssl_context.context = context


def _settings() -> dict[str, Any]:
    """What all connections have in common."""
    return {
        "decode_responses": True,
        # RESP3 changes the shape of what streams answer.
        "protocol": 2,
        # Never: a write whose answer was lost may have been done. A connection that was closed while it lay idle is
        # noticed when it is taken from the pool, before anything is sent.
        "retry": Retry(NoBackoff(), 0),
        # A request has its deadline around all it waits for; a long read waits as long as it likes.
        "socket_timeout": None,
        "socket_connect_timeout": OPEN_DEADLINE,
        # Saves every new connection the two commands that would tell the server the driver's name.
        "driver_info": None,
    }


def pool(url: str, size: int, context: ssl.SSLContext | None = None) -> driver.BlockingConnectionPool:
    """Up to `size` connections to `url`. ValueError where that is no address of Redis."""
    made = driver.BlockingConnectionPool.from_url(
        url,
        max_connections=size,
        timeout=RAW_WAIT,
        **_settings(),
    )
    if context is not None:
        made.connection_class = _TlsConnection
        made.connection_kwargs["context"] = context
    return made


def cluster(url: str, size: int, context: ssl.SSLContext | None = None) -> driver.Redis:
    """The driver's own client of a cluster, for up to `size` long reads of each node. It raises where all connections
    are taken, follows what has moved, and answers to the methods of the client of one server, but `connection_pool`."""
    made = driver.RedisCluster.from_url(
        url,
        # Before a stream is read it asks a node which of the arguments are keys.
        max_connections=2 * size,
        **_settings(),
    )
    if context is not None:
        made.connection_kwargs.update(connection_class=_TlsConnection, context=context)
        for node in made.startup_nodes:
            node.connection_class = _TlsConnection
            node.connection_kwargs["context"] = context
    return cast("driver.Redis", made)


async def context_for(url: str, tls: TlsFiles) -> ssl.SSLContext | None:
    """What connections to `url` are wrapped in, None for redis:// and unix://. Raises StoreMisconfigured."""
    address = urlsplit(url)
    if address.scheme == "rediss" and not tls and "ssl_" not in address.query:
        tls = TlsFiles(StoreName.REDIS, ca=SYSTEM)
    elif tls and address.scheme in ("redis", "unix"):
        raise _wrong(f"{tls.ca_setting} is set: write rediss:// in REDIS_URL.")
    return await tls.context()


def not_an_address() -> StoreMisconfigured:
    """The sentence for what is no address of Redis."""
    return _wrong(_SHAPE)


def checked(server: str) -> None:
    """Refuse a server that is too old; `server` as `ping` says it. Every Valkey is new enough."""
    name, _, version = server.partition(" ")
    if name == "redis" and int(version.split(".")[0]) < _OLDEST:
        raise _wrong(f"REDIS_URL names Redis {version}, and the program needs {_OLDEST} or newer, or Valkey.")


async def refusal(
    failure: BaseException, url: str, tls: TlsFiles, context: ssl.SSLContext | None
) -> StoreMisconfigured | None:
    """The sentence for a start that failed so, None where nothing plain is wrong."""
    if isinstance(failure.__cause__, failures.NoPermissionError):
        return permission(failure)
    if isinstance(failure.__cause__, _REFUSED):
        return _wrong("Redis refuses the user name or password in REDIS_URL")
    if not isinstance(failure, StoreUnavailable):
        return None
    if context is None and isinstance(failure, StoreTimeout):  # it listens, and hangs
        return None
    address = urlsplit(url)
    if address.scheme == "unix":
        path = unquote(address.path)
        if await _listens(path):
            return None
        return _wrong(f"REDIS_URL names a server that does not answer: nothing listens at {path}.")
    if address.scheme == "rediss" and context is None:  # TLS as the address says, which only the driver knows
        return None
    places = [(address.hostname or "localhost", address.port or 6379)]
    sentence = await unreachable.sentence("REDIS_URL", places, tls, context)
    return None if sentence is None else _wrong(sentence)


def permission(failure: BaseException) -> StoreMisconfigured | None:
    """The sentence for what our user may not do, None where that was not it."""
    cause = failure.__cause__
    if not isinstance(cause, failures.NoPermissionError):
        return None
    return _wrong(f"Redis does not let the user in REDIS_URL do what the program does: {cause}.")


async def _listens(path: str) -> bool:
    try:
        _, writer = await asyncio.open_unix_connection(path)
    except OSError:
        return False
    writer.close()
    return True


def _wrong(sentence: str) -> StoreMisconfigured:
    return StoreMisconfigured(StoreName.REDIS, sentence)

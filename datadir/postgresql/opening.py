"""How is a connection to PostgreSQL opened, and in which sentence does it fail?

The pool is set up here, by asyncpg's own documentation: how many connections, how long each lives, whom it works as.
"""

from __future__ import annotations

import asyncio
import random
import socket
import ssl
import struct
from typing import Any, Final, cast
from urllib.parse import parse_qs, quote, urlencode, urlsplit, urlunsplit

import asyncpg

from datadir import unreachable
from datadir.errors import StoreMisconfigured
from datadir.names import StoreName
from datadir.postgresql.connection import Connection, connect
from datadir.postgresql.errors import UNREACHABLE
from datadir.tls import SYSTEM, TlsFiles

APP_ROLE: Final = "studygraph_app"
LEAST_CONNECTIONS: Final = 10
"""Connections that a pool of a real server keeps open."""
MOST_CONNECTIONS: Final = 30
"""Connections that a process has at most."""
OPEN_DEADLINE: Final = 10.0
"""Seconds for one connection: names, handshakes, password."""
RECYCLE: Final = 3600.0
"""Seconds after which a connection that comes back is replaced: what a server keeps for it (plans, catalogue) grows,
and behind a proxy it may lead to a server that has been replaced. Each has up to a tenth less: all must not go at
once."""
_OLDEST: Final = 15
_SSL_REQUEST: Final = (struct.pack("!ii", 8, 80877103), b"S")
_FORESEEN: Final = (*UNREACHABLE, TimeoutError, ValueError, asyncpg.PostgresError)
_SHAPE: Final = "DATABASE_URL must look like postgresql://user:password@host:5432/name."


async def connected(dsn: str, *, within: float = OPEN_DEADLINE) -> asyncpg.Connection:
    """One connection outside any pool, as whoever `dsn` names, within so many seconds. Raises StoreMisconfigured with
    a sentence."""
    try:
        connection = await asyncpg.connect(dsn, timeout=within)
    except _FORESEEN as error:
        raise await _refusal(error, dsn) from error
    if connection.get_server_version().major < _OLDEST:
        found = str(connection.get_settings().server_version).split()[0]
        connection.terminate()
        raise _wrong(f"PostgreSQL at {_where(dsn)} is version {found}, and the program needs {_OLDEST} or newer.")
    return connection


async def pooled(
    dsn: str,
    *,
    min_size: int,
    max_size: int,
    tls: ssl.SSLContext | None = None,
    recycle: float = RECYCLE,
) -> asyncpg.Pool[Any]:
    """A pool whose connections all work as `studygraph_app`. With `tls` its files need not be read for each
    connection. Raises StoreMisconfigured with a sentence."""

    async def dated(connection: Any) -> None:
        connection.ends_at = asyncio.get_running_loop().time() + recycle * random.uniform(0.9, 1)

    try:
        return await asyncpg.create_pool(
            dsn,
            min_size=min_size,
            max_size=max_size,
            timeout=OPEN_DEADLINE,
            command_timeout=60,
            # Above the least, a connection that nobody needed for as long is closed.
            max_inactive_connection_lifetime=recycle,
            # Plans are kept per connection, and statements are few: nothing is gained by closing after so many.
            max_queries=2**31,
            server_settings={"role": APP_ROLE, "application_name": "studygraph"},
            connect=cast("Any", connect),
            connection_class=Connection,
            init=dated,
            reset=_reset,
            ssl=tls,
        )
    except _FORESEEN as error:
        raise await _refusal(error, dsn) from error


async def _reset(connection: Any) -> None:
    """Nothing to do, and so no round trip: scopes and locks end with their transaction, and nothing else is set. The
    pool itself ends a transaction that was left open. One whose time is over is closed; the pool opens another."""
    if asyncio.get_running_loop().time() > connection.ends_at:
        await connection.close()


def with_tls(dsn: str, files: TlsFiles) -> str:
    """The same address with what asyncpg needs to trust this CA only and to show our certificate."""
    if not files:
        return dsn
    parts = urlsplit(dsn)
    options = {name: values[-1] for name, values in parse_qs(parts.query, keep_blank_values=True).items()}
    asked = options.get("sslmode")
    if asked == "disable":
        raise _wrong(f"{files.ca_setting} is set, and DATABASE_URL says sslmode=disable: keep one of the two.")
    options["sslmode"] = "verify-full"
    options["sslrootcert"] = _systems() if files.ca == SYSTEM else str(files.ca)
    if files.cert is not None:
        options |= {"sslcert": files.cert, "sslkey": files.key or files.cert}
    return urlunsplit(parts._replace(query=urlencode(options, quote_via=quote)))


def _systems() -> str:
    """The file with whom this system trusts."""
    paths = ssl.get_default_verify_paths()
    return paths.cafile or paths.openssl_cafile


def _files(dsn: str) -> TlsFiles:
    """What `with_tls` put into an address."""
    options = {name: values[0] for name, values in parse_qs(urlsplit(dsn).query).items()}
    ca = options.get("sslrootcert")
    key = options.get("sslkey")
    return TlsFiles(StoreName.POSTGRESQL, SYSTEM if ca == _systems() else ca, options.get("sslcert"), key)


async def _refusal(error: Exception, dsn: str) -> StoreMisconfigured:
    """The sentence for what stopped a connection from being opened."""
    tls = _files(dsn)
    where = _where(dsn)
    said = str(error).rstrip(".")
    about_tls = unreachable.of_tls(error, where, tls)
    if about_tls is not None:
        return _wrong(about_tls)
    if isinstance(error, asyncpg.InvalidPasswordError):
        return _wrong("PostgreSQL refuses the user or password of DATABASE_URL.")
    if isinstance(error, asyncpg.InvalidAuthorizationSpecificationError) and "client certificate" in said:
        return _wrong(unreachable.of_client_certificate(where, tls))
    if isinstance(error, asyncpg.TooManyConnectionsError):
        return _wrong(f"PostgreSQL at {where} has no connections left for the program: {said}.")
    if isinstance(error, asyncpg.InvalidCatalogNameError):
        return _wrong(f"PostgreSQL has no such database: {said}.")
    if isinstance(error, socket.gaierror):
        return _wrong(f"DATABASE_URL names a host that nobody knows: {urlsplit(dsn).hostname}.")
    if isinstance(error, ConnectionError) and "rejected SSL upgrade" in said:
        return _wrong(unreachable.without_tls(where, tls))
    if isinstance(error, TimeoutError):
        return _wrong(f"DATABASE_URL names a server that does not answer: {where} is silent.")
    if isinstance(error, (ConnectionRefusedError, FileNotFoundError)):
        return _wrong(f"DATABASE_URL names a server that does not answer: nothing listens at {where}.")
    if isinstance(error, (ValueError, asyncpg.ClientConfigurationError)):
        return _wrong(_SHAPE)
    if isinstance(error, UNREACHABLE) and tls:
        # Under TLS 1.3 a server says only after the handshake that it dislikes our certificate, and asyncpg has by
        # then sent its greeting and hears no more than that the connection is closed.
        address = urlsplit(dsn)
        place = (address.hostname or "localhost", address.port or 5432)
        heard = await unreachable.sentence("DATABASE_URL", [place], tls, await tls.context(), _SSL_REQUEST)
        if heard is not None:
            return _wrong(heard)
    if isinstance(error, UNREACHABLE):
        return _wrong(f"PostgreSQL does not answer at {where}: {said}.")
    return _wrong(f"PostgreSQL refuses the connection: {said}.")


def _where(dsn: str) -> str:
    """Host and port of an address, or its socket."""
    try:
        parts = urlsplit(dsn)
        options = parse_qs(parts.query)
        host = parts.hostname or options.get("host", ["localhost"])[0]
        port = parts.port or options.get("port", ["5432"])[0]
    except ValueError:
        return "DATABASE_URL"
    return f"{host}/.s.PGSQL.{port}" if host.startswith("/") else f"{host}:{port}"


def _wrong(sentence: str) -> StoreMisconfigured:
    return StoreMisconfigured(StoreName.POSTGRESQL, sentence)

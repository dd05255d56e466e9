"""How is a connection to MongoDB set up, and in which sentence does a start fail that cannot have one?

By pymongo's own documentation: how many connections, how long they wait, whom they trust. Options in the address win.
"""

from __future__ import annotations

import ssl
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final
from urllib.parse import urlsplit

from pymongo import errors
from pymongo.uri_parser import split_options

from datadir import unreachable
from datadir.errors import StoreMisconfigured
from datadir.names import StoreName
from datadir.tls import SYSTEM, TlsFiles

MOST_CONNECTIONS: Final = 50
"""Connections at most; as many threads of motor's wait on them."""
LEAST_CONNECTIONS: Final = 10
"""Connections that are kept to a real server."""
OPEN_DEADLINE: Final = 3.0
"""Seconds for the first answer after the program has started."""
_OLDEST: Final = 7
_SHAPE: Final = "MONGODB_URL must look like mongodb://user:password@host:27017/database"
_TLS_OPTIONS: Final = ("tls", "ssl")


@contextmanager
def options(url: str, least: int, tls: TlsFiles) -> Iterator[dict[str, Any]]:
    """What the client is made with, besides what `url` asks for itself; to be used while this lasts, because a file
    with certificate and key may go at its end. ValueError and pymongo's errors where `url` is no address of MongoDB."""
    ours: dict[str, Any] = {
        "appname": "studygraph",
        "maxPoolSize": MOST_CONNECTIONS,
        "minPoolSize": least,
        "maxIdleTimeMS": 30_000,
        "serverSelectionTimeoutMS": int(OPEN_DEADLINE * 1000),
        "connectTimeoutMS": 2000,
    }
    address = urlsplit(url)
    if address.scheme not in ("mongodb", "mongodb+srv"):
        raise ValueError("not a MongoDB address")
    # The client itself would only warn of a bad option, and go on without it.
    asked = split_options(address.query, warn=False) if address.query else {}
    if tls and any(asked.get(name) is False for name in _TLS_OPTIONS):
        raise _wrong(f"{tls.ca_setting} is set, and MONGODB_URL says tls=false: keep one of the two.")
    names = {name.lower() for name in asked}
    ours = {name: value for name, value in ours.items() if name.lower() not in names}
    with tls.cert_with_key() as own:
        if tls:
            ours |= {"tls": True, "tlsCAFile": None if tls.ca == SYSTEM else tls.ca, "tlsCertificateKeyFile": own}
        yield {name: value for name, value in ours.items() if value is not None}


def not_an_address() -> StoreMisconfigured:
    """The sentence for what is no address of MongoDB."""
    return _wrong(_SHAPE)


def checked(version: str) -> None:
    """Refuse a server that is too old; `version` as `ping` says it."""
    if int(version.split(".")[0]) < _OLDEST:
        raise _wrong(f"MONGODB_URL names MongoDB {version}, and the program needs {_OLDEST} or newer.")


def refused_login() -> StoreMisconfigured:
    """The sentence for a wrong user or password."""
    return _wrong("MongoDB refuses the user name or password in MONGODB_URL")


def not_permitted(command: str) -> StoreMisconfigured:
    """The sentence for a user who may not prepare the collections."""
    return _wrong(
        f"MongoDB does not let the user in MONGODB_URL run `{command}`: give it the roles readWrite and dbAdmin."
    )


async def refusal(
    cause: BaseException | None,
    url: str,
    servers: Sequence[tuple[str, int | None]],
    tls: TlsFiles,
    context: ssl.SSLContext | None,
) -> StoreMisconfigured | None:
    """The sentence for a start that failed so, None where nothing plain is wrong. `servers` are the driver's."""
    if isinstance(cause, errors.ConfigurationError):
        return _wrong(f"MONGODB_URL names a MongoDB that is too old: the program needs {_OLDEST} or newer.")
    address = urlsplit(url)
    if context is None and (
        address.scheme == "mongodb+srv" or any(f"{name}=" in address.query for name in _TLS_OPTIONS)
    ):
        return None  # TLS as the address says, which only the driver knows
    places = [(host, port) for host, port in servers if port is not None]
    sentence = await unreachable.sentence("MONGODB_URL", places, tls, context)
    return None if sentence is None else _wrong(sentence)


def _wrong(sentence: str) -> StoreMisconfigured:
    return StoreMisconfigured(StoreName.MONGODB, sentence)

"""Is this a Qdrant that the program can work with? Asked when it starts; the answer is a sentence where it is not."""

from __future__ import annotations

from typing import Any, Final

from datadir import unreachable
from datadir.circuit import READ_DEADLINE
from datadir.errors import StoreError, StoreMisconfigured
from datadir.names import StoreName
from datadir.qdrant import client
from datadir.tls import TlsFiles

OLDEST: Final = (1, 10)
"""The first release that answers a batch of queries of any kind."""
_PATIENCE: Final = 3.0


async def connected(
    host: str,
    port: int,
    *,
    api_key: str | None,
    tls: TlsFiles = client.NO_FILES,
    deadline: float = READ_DEADLINE,
) -> client.QdrantVectors:
    """A client of a server that answers and is new enough. Raises StoreMisconfigured with a sentence where something is
    plainly wrong, StoreUnavailable or StoreTimeout otherwise."""
    vectors = await client.opened(host, port, api_key=api_key, tls=tls, deadline=deadline)
    try:
        about: Any = await vectors._ask(vectors._client.info, _PATIENCE)
        _check(about.version)
    except StoreError as failure:
        await vectors.close()
        if not isinstance(failure, StoreMisconfigured):
            said = await unreachable.sentence("QDRANT_HOST", [(host, port)], tls, await tls.context())
            if said is not None:
                raise _wrong(said) from failure
        raise
    return vectors


def _check(version: str) -> None:
    found = tuple(int(part) for part in version.split("-")[0].split(".") if part.isdigit())
    if found < OLDEST:
        oldest = ".".join(map(str, OLDEST))
        raise _wrong(f"QDRANT_HOST names Qdrant {version}, and the program needs {oldest} or newer.")


def _wrong(sentence: str) -> StoreMisconfigured:
    return StoreMisconfigured(StoreName.QDRANT, sentence)

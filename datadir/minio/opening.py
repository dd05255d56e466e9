"""How is an S3 server reached, and in which sentence does a start fail that cannot?

By aioboto3's and botocore's own documentation, but for one thing: aiobotocore takes botocore's TLS context, which
leaves it to urllib3 to compare host names, and hands it to aiohttp, which does not compare them. So a context of ours
takes its place, which does.
"""

from __future__ import annotations

import ssl
from typing import Any, Final
from urllib.parse import urlsplit

from aiobotocore.config import AioConfig
from aiobotocore.httpsession import AIOHTTPSession

from datadir import unreachable
from datadir.errors import StoreMisconfigured
from datadir.minio.stored import TRANSFER_DEADLINE
from datadir.names import StoreName
from datadir.tls import SYSTEM, TlsFiles

CONNECTIONS: Final = 50
NO_FILES: Final = TlsFiles(StoreName.MINIO)
_CONNECT_DEADLINE: Final = 2
_PORTS: Final = {"http": 80, "https": 443}


async def context_for(endpoint_url: str, tls: TlsFiles) -> ssl.SSLContext | None:
    """What connections are wrapped in, None for http://. Raises StoreMisconfigured."""
    scheme = urlsplit(endpoint_url).scheme
    if scheme == "http" and tls:
        raise StoreMisconfigured(StoreName.MINIO, f"{tls.ca_setting} is set: write https:// in S3_ENDPOINT_URL.")
    if scheme == "https" and not tls:
        tls = TlsFiles(StoreName.MINIO, ca=SYSTEM)
    return await tls.context()


def config(context: ssl.SSLContext | None) -> AioConfig:
    """How the client behaves."""
    session: dict[str, Any] = {} if context is None else {"http_session_cls": _wrapped_in(context)}
    return AioConfig(
        signature_version="s3v4",
        s3={"addressing_style": "path"},
        max_pool_connections=CONNECTIONS,
        connect_timeout=_CONNECT_DEADLINE,
        read_timeout=TRANSFER_DEADLINE,
        # One wire request is one call in the ledger: nothing is repeated behind our back.
        retries={"total_max_attempts": 1, "mode": "standard"},
        # Checksums on by default are younger than many servers.
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
        **session,
    )


def _wrapped_in(context: ssl.SSLContext) -> type[AIOHTTPSession]:
    class Verified(AIOHTTPSession):
        def _get_ssl_context(self) -> ssl.SSLContext:
            return context

    return Verified


def verify(tls: TlsFiles) -> str | None:
    """What botocore is told to trust: a path, or None for what it brings itself (the CAs of Mozilla's list)."""
    return tls.ca if tls.ca not in (None, SYSTEM) else None


async def sentence(endpoint_url: str, tls: TlsFiles, context: ssl.SSLContext | None) -> str | None:
    """What the operator has to know of a server that does not answer, None where nothing is plainly wrong."""
    address = urlsplit(endpoint_url)
    place = (address.hostname or "", address.port or _PORTS.get(address.scheme, 0))
    return await unreachable.sentence("S3_ENDPOINT_URL", [place], tls, context)

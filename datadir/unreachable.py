"""Why does a server not answer when the program starts? Asked once more, without the driver in between.

Drivers say it in ten ways, in their own words, or only in their log (aiokafka). So that whoever starts the program
reads the same sentence for the same mistake, whichever the store, a start that failed knocks on the door itself.
"""

from __future__ import annotations

import asyncio
import re
import socket
import ssl
from collections.abc import Sequence
from typing import Final

from datadir.names import StoreName
from datadir.tls import SYSTEM, TlsFiles

NAMES: Final = {
    StoreName.POSTGRESQL: "PostgreSQL",
    StoreName.REDIS: "Redis",
    StoreName.MONGODB: "MongoDB",
    StoreName.QDRANT: "Qdrant",
    StoreName.CASSANDRA: "Cassandra",
    StoreName.KAFKA: "Kafka",
    StoreName.MINIO: "S3",
}
"""What people call the stores."""
PATIENCE: Final = 2.0
"""Seconds for a connection and for a handshake."""
_LAST_WORD: Final = 0.3
"""Seconds in which a server that dislikes our certificate says so: under TLS 1.3 that is after its own handshake."""
_HOST_MISMATCH: Final = (62, 64)  # X509_V_ERR_HOSTNAME_MISMATCH, X509_V_ERR_IP_ADDRESS_MISMATCH
_EXPIRED: Final = 10  # X509_V_ERR_CERT_HAS_EXPIRED
_ABOUT_OURS: Final = re.compile(r"ALERT.*(CERTIFICATE|UNKNOWN_CA|HANDSHAKE_FAILURE)")
_SCHEMES: Final = {
    StoreName.REDIS: ", and write rediss:// in REDIS_URL",
    StoreName.MINIO: ", and write https:// in S3_ENDPOINT_URL",
}

Place = tuple[str, int]


async def sentence(
    address: str,
    places: Sequence[Place],
    tls: TlsFiles,
    context: ssl.SSLContext | None,
    question: tuple[bytes, bytes] = (b"", b""),
) -> str | None:
    """What the operator should know of the first place where something is plainly wrong; None where nothing is.

    `address` is the setting that names the places. `context` is None where we speak without TLS. `question` is what a
    server is asked before the handshake, and what it answers where it speaks TLS."""
    for host, port in places:
        found = await asyncio.to_thread(_knock, address, host, port, tls, context, question)
        if found is not None:
            return found
    return None


def of_tls(error: BaseException | None, where: str, tls: TlsFiles) -> str | None:
    """What a failed handshake with `where` means, None for an error that is not about certificates."""
    name = NAMES[tls.store]
    if isinstance(error, ssl.SSLCertVerificationError):
        if error.verify_code in _HOST_MISMATCH:
            return f"The certificate of {name} at {where} is for another host name."
        if error.verify_code == _EXPIRED:
            return f"The certificate of {name} at {where} has expired."
        signer = "a CA that this system trusts" if tls.ca in (None, SYSTEM) else f"the CA in {tls.ca_setting}"
        return f"The certificate of {name} at {where} is not signed by {signer}."
    if isinstance(error, ssl.SSLError) and _ABOUT_OURS.search(error.reason or ""):
        return of_client_certificate(where, tls)
    return None


def of_client_certificate(where: str, tls: TlsFiles) -> str:
    """The server asks for a certificate of ours, and did not like what it got."""
    if tls.cert is None:
        return f"{NAMES[tls.store]} at {where} wants a client certificate: set {tls.cert_setting}."
    return f"{NAMES[tls.store]} at {where} refuses the client certificate in {tls.cert_setting}."


def without_tls(where: str, tls: TlsFiles) -> str:
    """We asked for TLS, and the server does not speak it."""
    instead = "" if tls.ca is None else f", or unset {tls.ca_setting}"
    return f"{NAMES[tls.store]} at {where} does not speak TLS: name a port where it does{instead}."


def _knock(
    address: str,
    host: str,
    port: int,
    tls: TlsFiles,
    context: ssl.SSLContext | None,
    question: tuple[bytes, bytes],
) -> str | None:
    where = f"{host}:{port}"
    try:
        plain = socket.create_connection((host, port), timeout=PATIENCE)
    except (socket.gaierror, UnicodeError):
        return f"{address} names a host that nobody knows: {host}."
    except ConnectionRefusedError:
        return f"{address} names a server that does not answer: nothing listens at {where}."
    except OSError:
        return f"{address} names a server that does not answer: {where} is silent."
    with plain:
        if not _agrees(plain, *question):
            return None if context is None else without_tls(where, tls)
        if context is not None:
            return _greet(plain, host, where, tls, context)
        if _speaks_tls(plain):
            return f"{NAMES[tls.store]} at {where} speaks TLS: set {tls.ca_setting}{_SCHEMES.get(tls.store, '')}."
    return None


def _agrees(plain: socket.socket, asked: bytes, answer: bytes) -> bool:
    """Whether a handshake may begin."""
    if not asked:
        return True
    try:
        plain.sendall(asked)
        return plain.recv(len(answer)) == answer
    except OSError:
        return False


def _greet(plain: socket.socket, host: str, where: str, tls: TlsFiles, context: ssl.SSLContext) -> str | None:
    try:
        wrapped = context.wrap_socket(plain, server_hostname=host)
    except ssl.SSLError as error:
        return of_tls(error, where, tls) or without_tls(where, tls)
    except OSError:  # a server that takes the handshake for its own protocol hangs up, or waits for more
        return without_tls(where, tls)
    with wrapped:
        wrapped.settimeout(_LAST_WORD)
        try:
            wrapped.recv(1)
        except ssl.SSLError as error:
            return of_tls(error, where, tls)
        except OSError:  # as a rule a timeout: the server waits for us to speak
            return None
    return None


def _speaks_tls(plain: socket.socket) -> bool:
    anybody = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    anybody.check_hostname = False
    anybody.verify_mode = ssl.CERT_NONE
    try:
        with anybody.wrap_socket(plain):
            return True
    except ssl.SSLError as error:
        return "ALERT" in (error.reason or "")
    except OSError:
        return False

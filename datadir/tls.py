"""What does TLS to a store need? A CA that is trusted, and a certificate of our own where the store asks for one.

The settings have one shape for every store: `<PREFIX>_TLS_CA_FILE`, `<PREFIX>_TLS_CERT_FILE`, `<PREFIX>_TLS_KEY_FILE`.
The prefix is that of its address: `DATABASE_TLS_CA_FILE` goes with `DATABASE_URL`. A CA turns TLS on. That CA alone is
trusted then, host names are verified, and nothing turns that off.
"""

from __future__ import annotations

import asyncio
import ssl
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from datadir.errors import StoreMisconfigured
from datadir.names import StoreName

SYSTEM: Final = "system"
"""In place of a CA's file: whom the operating system trusts."""
PREFIXES: Final = {
    StoreName.POSTGRESQL: "DATABASE",
    StoreName.REDIS: "REDIS",
    StoreName.MONGODB: "MONGODB",
    StoreName.QDRANT: "QDRANT",
    StoreName.CASSANDRA: "CASSANDRA",
    StoreName.KAFKA: "KAFKA",
    StoreName.MINIO: "S3",
}
"""How the settings of a store begin."""
_CERTIFICATE: Final = b"-----BEGIN CERTIFICATE-----"
_KEY: Final = b"PRIVATE KEY-----"


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """The three settings of one store: paths, None where unset. `ca` may be `system`."""

    store: StoreName
    ca: str | None = None
    cert: str | None = None
    key: str | None = None

    @property
    def ca_setting(self) -> str:
        """What the setting of the CA is called."""
        return f"{PREFIXES[self.store]}_TLS_CA_FILE"

    @property
    def cert_setting(self) -> str:
        """What the setting of our certificate is called."""
        return f"{PREFIXES[self.store]}_TLS_CERT_FILE"

    @property
    def key_setting(self) -> str:
        """What the setting of our key is called."""
        return f"{PREFIXES[self.store]}_TLS_KEY_FILE"

    def __bool__(self) -> bool:
        return self.ca is not None or self.cert is not None or self.key is not None

    async def context(self) -> ssl.SSLContext | None:
        """What the client's sockets are wrapped in, None where nothing is set. Raises StoreMisconfigured with a
        sentence for a file that is missing or not what its setting says."""
        # Read once, and away from the loop: the system's CAs take 20 ms.
        return await asyncio.to_thread(self._context)

    def _context(self) -> ssl.SSLContext | None:
        if not self:
            return None
        if self.ca is None:
            alone = self.cert_setting if self.cert is not None else self.key_setting
            raise self._wrong(f"{alone} is set without {self.ca_setting}: name the CA's file there, or `{SYSTEM}`.")
        if self.cert is None and self.key is not None:
            raise self._wrong(f"{self.key_setting} is set without {self.cert_setting}.")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # verifies host names, and speaks TLS 1.2 or newer
        if self.ca == SYSTEM:
            context.load_default_certs()
        else:
            self._holds(self.ca_setting, self.ca, _CERTIFICATE, "certificate")
            try:
                context.load_verify_locations(cafile=self.ca)
            except ssl.SSLError as error:
                raise self._damaged(self.ca_setting, self.ca, error) from error
        if self.cert is not None:
            self._load_own(context, self.cert)
        return context

    def _load_own(self, context: ssl.SSLContext, cert: str) -> None:
        self._holds(self.cert_setting, cert, _CERTIFICATE, "certificate")
        setting, file = (self.cert_setting, cert) if self.key is None else (self.key_setting, self.key)
        if b"ENCRYPTED" in self._holds(setting, file, _KEY, "private key"):
            raise self._wrong(f"{setting} names {file}, whose key is encrypted: name one that is not.")
        try:
            context.load_cert_chain(cert, self.key)
        except ssl.SSLError as error:
            if error.reason == "KEY_VALUES_MISMATCH":
                raise self._wrong(
                    f"{setting} names {file}, whose key is not that of the certificate in {self.cert_setting}."
                ) from error
            raise self._damaged(self.cert_setting, cert, error) from error

    @contextmanager
    def cert_with_key(self) -> Iterator[str | None]:
        """One file with our certificate and its key, for a library that takes no two: there while this lasts, readable
        for this account alone. None where no certificate is set."""
        if self.cert is None or self.key is None:
            yield self.cert
            return
        with tempfile.NamedTemporaryFile(suffix=".pem") as both:
            both.write(Path(self.cert).read_bytes() + b"\n" + Path(self.key).read_bytes())
            both.flush()
            yield both.name

    def _holds(self, setting: str, file: str, mark: bytes, what: str) -> bytes:
        """What is in the file, where that has such a mark in it."""
        try:
            content = Path(file).read_bytes()
        except OSError as error:
            raise self._wrong(f"{setting} names {file}, which cannot be read: {error.strerror}.") from error
        if mark not in content:
            raise self._wrong(f"{setting} names {file}, which holds no {what} in PEM form.")
        return content

    def _damaged(self, setting: str, file: str, error: ssl.SSLError) -> StoreMisconfigured:
        return self._wrong(f"{setting} names {file}, which is damaged ({error.reason or 'not readable'}).")

    def _wrong(self, sentence: str) -> StoreMisconfigured:
        return StoreMisconfigured(self.store, sentence)

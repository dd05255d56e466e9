"""Whose certificates do tests show and trust? Those of an authority that is made here and forgotten with the run."""

from __future__ import annotations

import ipaddress
import os
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

GOOD_HOST = "127.0.0.1"
"""What the certificates of servers are for."""
OTHER_HOST = "localhost"
"""The same place under a name that no certificate is for."""


class Identity(NamedTuple):
    """Files with a certificate and with its key, and one with both."""

    cert: Path
    key: Path
    both: Path


class Authority:
    """A CA with its files in `folder`, which it makes."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        folder.chmod(0o755)
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"CA of tests ({folder.name})")])
        constraint = x509.BasicConstraints(ca=True, path_length=0)
        certificate = self._builder(self._name, self._key, days=1).add_extension(constraint, critical=True)
        signed = certificate.sign(self._key, hashes.SHA256())
        self.file = folder / "ca.pem"
        """What whoever trusts this CA trusts."""
        self.file.write_bytes(signed.public_bytes(serialization.Encoding.PEM))

    def server(self, name: str = "server", *, days: int = 1, host: str = GOOD_HOST) -> Identity:
        """A server at this address, whose certificate ends in so many days; below zero it has ended."""
        names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(host))])
        return self._identity(name, days, names, ExtendedKeyUsageOID.SERVER_AUTH)

    def client(self, name: str = "client") -> Identity:
        """A client of that name."""
        names = x509.SubjectAlternativeName([x509.DNSName(name)])
        return self._identity(name, 1, names, ExtendedKeyUsageOID.CLIENT_AUTH)

    def _identity(
        self, name: str, days: int, names: x509.SubjectAlternativeName, usage: x509.ObjectIdentifier
    ) -> Identity:
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        certificate = (
            self._builder(subject, key, days=days)
            .add_extension(names, critical=False)
            .add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
            .sign(self._key, hashes.SHA256())
        )
        files = Identity(*(self._folder / f"{name}.{kind}" for kind in ("cert.pem", "key.pem", "both.pem")))
        public = certificate.public_bytes(serialization.Encoding.PEM)
        private = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        for file, content in zip(files, (public, private, public + private), strict=True):
            file.write_bytes(content)
        for file in files[1:]:
            file.chmod(0o600)
        return files

    def _builder(self, subject: x509.Name, key: ec.EllipticCurvePrivateKey, *, days: int) -> x509.CertificateBuilder:
        end = datetime.now(UTC) + timedelta(days=days)
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(end - timedelta(days=2))
            .not_valid_after(end)
        )


def owned_by(identity: Identity, account: str) -> Identity:
    """The same files, for a server that runs as another account where we are root."""
    if os.geteuid() == 0:
        for file in identity:
            shutil.chown(file, account)
    return identity

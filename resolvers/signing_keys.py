"""With which keys are tokens signed and checked? One made from the program's secret, or those of a folder.

The newest signs, all check: a key is replaced by putting another beside it, and taken away when the last token that it
signed has ended (30 days, with remembered log-ins). A folder holds PEM files; the one whose name comes last signs. A
file with a public key alone checks and never signs.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any, Final, NamedTuple

import orjson
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

SHORTEST_RSA: Final = 2048
_PURPOSE: Final = b"studygraph tokens"
_NAME: Final = b"studygraph key id"
# What a thumbprint is made of (RFC 7638).
_MEMBERS: Final = {"EC": ("crv", "kty", "x", "y"), "OKP": ("crv", "kty", "x"), "RSA": ("e", "kty", "n")}


class KeysUnusable(Exception):
    """The keys cannot be used; the message is a sentence."""


class SigningKey(NamedTuple):
    """One key: its id, its only algorithm, what signs (None: it only checks), what checks, and what may be published of
    it (None: nothing)."""

    id: str
    algorithm: str
    private: Any
    public: Any
    jwk: dict[str, Any] | None


class SigningKeys:
    """The key that signs, and all that check, by their ids."""

    def __init__(self, keys: Sequence[SigningKey]) -> None:
        """The last one that can sign does. Raises KeysUnusable where none can."""
        signing = [key for key in keys if key.private is not None]
        if not signing:
            raise KeysUnusable("There is no private key to sign tokens with.")
        self.signing = signing[-1]
        self.checking: Mapping[str, SigningKey] = {key.id: key for key in keys}

    def published(self) -> dict[str, Any]:
        """The public keys as RFC 7517 has them; none of a secret."""
        return {"keys": [key.jwk for key in self.checking.values() if key.jwk is not None]}


def of_secret(secret: str, before: str | None = None) -> SigningKeys:
    """One key made from the secret, and one that only checks from the secret that it has replaced."""
    old = [] if before is None else [_symmetric(before)._replace(private=None)]
    return SigningKeys([*old, _symmetric(secret)])


def of_folder(folder: Path) -> SigningKeys:
    """The keys of a folder's PEM files, in the order of their names. Raises KeysUnusable."""
    try:
        files = sorted(folder.glob("*.pem"))
        keys = [_asymmetric(file, file.read_bytes()) for file in files]
    except OSError as error:
        raise KeysUnusable(f"{folder} cannot be read: {error.strerror}.") from error
    if not keys:
        raise KeysUnusable(f"{folder} has no key: put a private one there, as a file *.pem.")
    return SigningKeys(keys)


def _symmetric(secret: str) -> SigningKey:
    # Not the secret itself: cursors and links are signed with keys made from it too, and none may stand for another.
    key = hmac.digest(secret.encode(), _PURPOSE, "sha256")
    return SigningKey(hmac.digest(secret.encode(), _NAME, "sha256").hex()[:16], "HS256", key, key, None)


def _asymmetric(file: Path, pem: bytes) -> SigningKey:
    private: Any = None
    try:
        if b"PRIVATE KEY" in pem:
            private = load_pem_private_key(pem, None)
            public: Any = private.public_key()
        else:
            public = load_pem_public_key(pem)
    except (ValueError, TypeError) as error:
        raise KeysUnusable(f"{file} is no key in PEM without a passphrase.") from error
    shape: dict[str, Any]
    if isinstance(public, EllipticCurvePublicKey) and isinstance(public.curve, SECP256R1):
        assert private is None or isinstance(private, EllipticCurvePrivateKey)
        algorithm, shape = "ES256", dict(ECAlgorithm.to_jwk(public, as_dict=True))
    elif isinstance(public, Ed25519PublicKey):
        assert private is None or isinstance(private, Ed25519PrivateKey)
        algorithm, shape = "EdDSA", dict(OKPAlgorithm.to_jwk(public, as_dict=True))
    elif isinstance(public, RSAPublicKey) and public.key_size >= SHORTEST_RSA:
        assert private is None or isinstance(private, RSAPrivateKey)
        algorithm, shape = "RS256", dict(RSAAlgorithm.to_jwk(public, as_dict=True))
    else:
        raise KeysUnusable(f"{file} is none of P-256, Ed25519, and RSA with at least {SHORTEST_RSA} bits.")
    members = {name: shape[name] for name in _MEMBERS[shape["kty"]]}
    identity = sha256(orjson.dumps(members, option=orjson.OPT_SORT_KEYS)).hexdigest()[:32]
    return SigningKey(
        identity, algorithm, private, public, {**members, "kid": identity, "alg": algorithm, "use": "sig"}
    )

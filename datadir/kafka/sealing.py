"""How is a text closed so that one learner's key opens it, and that key so that only this program can use it?

A learner's key is 256 random bits. Texts are closed under it with AES-256-GCM; the id of the event and the name of the
field are its associated data, so a sealed text opens nowhere but where it was written. The key itself is wrapped, with
AES-256-GCM again, under a key that HKDF makes of the process's secret; whose key it is is the associated data there.
"""

from __future__ import annotations

import os
from base64 import b64decode, b64encode
from typing import Any, Final, NamedTuple
from uuid import UUID

import orjson
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

KEY_BYTES: Final = 32
NONCE_BYTES: Final = 12
_LEAST: Final = 16 + NONCE_BYTES + 16  # key id, nonce, and the tag of an empty text
SEALED: Final = "sealed"
"""The one member of what stands in the place of a sealed value."""


class Unreadable(dict[str, bool]):
    """What stands in the place of a value that cannot be read. Ask `value is ERASED`: a client may have sent the same
    JSON, which is another object."""


ERASED: Final = Unreadable(erased=True)
"""Its key is gone: so is the text."""
TAMPERED: Final = Unreadable(tampered=True)
"""It is not what was written there, or not by us."""


class UnknownSecret(Exception):
    """A key was wrapped under a secret that this process does not have."""


class Wrapping:
    """Closes and opens keys of learners. `before` is the secret that `secret` has replaced."""

    def __init__(self, secret: str, before: str | None = None) -> None:
        self.current, cipher = _made_of(secret)
        self._ciphers = {self.current: cipher}
        if before is not None:
            name, cipher = _made_of(before)
            self._ciphers.setdefault(name, cipher)

    @property
    def known(self) -> frozenset[str]:
        """The names of the secrets that this process has: 16 hexadecimal digits that tell nothing of them."""
        return frozenset(self._ciphers)

    def wrap(self, key: bytes, learner: UUID, key_id: UUID) -> bytes:
        """The key closed under the current secret: 60 bytes."""
        nonce = os.urandom(NONCE_BYTES)
        return nonce + self._ciphers[self.current].encrypt(nonce, key, learner.bytes + key_id.bytes)

    def unwrap(self, wrapped: bytes, by: str, learner: UUID, key_id: UUID) -> bytes:
        """The key. UnknownSecret where `by` names none of ours; InvalidTag where it is not this learner's key."""
        cipher = self._ciphers.get(by)
        if cipher is None:
            raise UnknownSecret(by)
        return cipher.decrypt(wrapped[:NONCE_BYTES], wrapped[NONCE_BYTES:], learner.bytes + key_id.bytes)


class LearnerKey(NamedTuple):
    """A learner's key, ready for use. `id` is another for the next key of the same learner."""

    id: UUID
    cipher: AESGCM

    @classmethod
    def of(cls, key_id: UUID, key: bytes) -> LearnerKey:
        """The key with these 32 bytes."""
        return cls(key_id, AESGCM(key))

    def sealed(self, value: Any, event_id: UUID, field: str) -> dict[str, str]:
        """What rests in the place of a JSON value: `{"sealed": base64(key id, nonce, text, tag)}`."""
        nonce = os.urandom(NONCE_BYTES)
        closed = self.cipher.encrypt(nonce, orjson.dumps(value), _place(event_id, field))
        return {SEALED: b64encode(self.id.bytes + nonce + closed).decode()}

    def opened(self, closed: bytes, event_id: UUID, field: str) -> Any:
        """The value again, TAMPERED where it was not written there under this key."""
        try:
            text = self.cipher.decrypt(closed[:NONCE_BYTES], closed[NONCE_BYTES:], _place(event_id, field))
        except (InvalidTag, ValueError):
            return TAMPERED
        return orjson.loads(text)


def taken_apart(value: Any) -> tuple[UUID | None, bytes] | None:
    """The id of the key that a sealed value needs (None for one that is damaged), and what that key opens. None for a
    value that is not sealed, as those are that were written before their field became personal."""
    if not isinstance(value, dict) or value.keys() != {SEALED} or not isinstance(value[SEALED], str):
        return None
    try:
        data = b64decode(value[SEALED], validate=True)
    except ValueError:
        return None, b""
    if len(data) < _LEAST:
        return None, b""
    return UUID(bytes=data[:16]), data[16:]


def new_key() -> bytes:
    """256 random bits."""
    return os.urandom(KEY_BYTES)


def _place(event_id: UUID, field: str) -> bytes:
    return event_id.bytes + field.encode()


def _made_of(secret: str) -> tuple[str, AESGCM]:
    """The name of a secret, and the cipher that closes keys under it."""

    def derived(purpose: bytes, length: int) -> bytes:
        return HKDF(SHA256(), length, salt=None, info=b"studygraph " + purpose).derive(secret.encode())

    return derived(b"name of a secret", 8).hex(), AESGCM(derived(b"keys of learners", KEY_BYTES))

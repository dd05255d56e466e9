"""What is done once, however often it is asked? Whatever comes with a key: the same viewer, the same key, one effect.

Where a verb writes, the first row of its transaction is the key's (`Once.begin`): what is done has its row, what is
rolled back has none. Whoever comes meanwhile waits there, and learns that it was done. What was answered is kept after
the transaction, and told again for a day; what did nothing is not kept, and asked anew it is tried anew.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Final
from uuid import UUID

import structlog

from datadir.errors import StoreError
from loaders import idempotency_keys
from loaders.idempotency_keys import KeyRecord
from resolvers.errors import BadUserInput, KeyReused, Repeated

if TYPE_CHECKING:
    from datadir.postgresql.client import Transaction
    from resolvers.operation import Services

__all__ = ["Fingerprints", "KeyRecord", "Once", "refuse_keys"]

log = structlog.get_logger("studygraph.idempotency")

LIFE: Final = timedelta(hours=24)
"""For how long a key stands for what was done under it."""
LONGEST: Final = 200
"""Characters of a key."""
LARGEST_ANSWER: Final = 256 * 1024
"""Characters of an answer that is kept; of a larger one it is known only that it was given."""
STILL_COMING: Final = timedelta(minutes=1)
"""For how long after its beginning an answer may still come that is not there."""
_CONTROLS: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")


class Fingerprints:
    """What stands for what was asked, and says nothing of it: inputs hold passwords, and a plain hash of one, beside
    the slow one, would be a way round it. So it takes a secret of the server to make one."""

    def __init__(self, secret: str, before: str | None = None) -> None:
        """`before` is the secret that this one has replaced: what was asked under that is still known."""
        self._keys = [hmac.digest(each.encode(), b"idempotency", "sha256") for each in (secret, before) if each]

    def of(self, asked: bytes) -> str:
        """The fingerprint, 64 hexadecimal digits."""
        return hmac.digest(self._keys[0], asked, "sha256").hex()

    def fits(self, fingerprint: str, asked: bytes) -> bool:
        """Whether it is that of what is asked."""
        return any(hmac.compare_digest(hmac.digest(key, asked, "sha256").hex(), fingerprint) for key in self._keys)


@dataclass(slots=True)
class Once:
    """What of one operation is done once, and for whom: a log-out leaves no viewer. `asked`: what is asked, by key."""

    services: Services
    user_id: UUID
    asked: Mapping[str, bytes]
    # The key of the field that runs, and those under which something was done.
    key: str | None = None
    done: set[str] = field(default_factory=set)

    async def begin(self, tx: Transaction) -> str | None:
        """The key under which this transaction does something, written where it has none yet; `ended` is told once it
        is committed. Raises Repeated."""
        key = self.key
        if key is None or key in self.done:
            return None
        now, fingerprint = self.services.now(), self.services.fingerprints.of(self.asked[key])
        if not await idempotency_keys.begin(tx, self.user_id, key, fingerprint, now, now - LIFE):
            raise Repeated
        return key

    def ended(self, key: str | None) -> None:
        """What was to be done under this key is done."""
        if key is not None:
            self.done.add(key)

    async def known(self, keys: Sequence[str]) -> dict[str, KeyRecord]:
        """What was done under these keys. One store call. Raises KeyReused, StoreUnavailable."""
        found = await idempotency_keys.known(self.services.stores, self.user_id, keys, self.services.now() - LIFE)
        for key, record in found.items():
            if not self.services.fingerprints.fits(record.fingerprint, self.asked[key]):
                raise KeyReused
        return found

    def may_come(self, record: KeyRecord) -> bool:
        """Whether an answer that is not there is worth waiting for: nobody takes that long to make one."""
        return self.services.now() - record.created_at < STILL_COMING

    async def keep(self, answers: Mapping[str, str]) -> None:
        """Keep what was answered under keys under which something was done. Where that fails it is done all the same,
        and whoever asked is told so. Never raises; at most one store call."""
        kept = {key: text for key, text in answers.items() if key in self.done and len(text) <= LARGEST_ANSWER}
        if not kept:
            return
        now = self.services.now()
        try:
            await idempotency_keys.keep(self.services.stores, self.user_id, kept, now, now - LIFE)
        except StoreError as error:
            log.warning("an answer is not kept", reason=str(error))
        except Exception as error:
            log.error("defect", exc_info=error)


def refuse_keys(keys: Sequence[str | None]) -> None:
    """Those of an operation's fields, where one has a key at all. Raises BadUserInput."""
    if None in keys:
        raise BadUserInput(
            "Of the fields of an operation all have an idempotencyKey or none: those without would be done again."
        )
    if len(set(keys)) < len(keys):
        raise BadUserInput("The fields of an operation do different things: each has an idempotencyKey of its own.")
    if any(not 0 < len(key or "") <= LONGEST or _CONTROLS.search(key or "") for key in keys):
        raise BadUserInput(f"An idempotencyKey has 1 to {LONGEST} characters that can be seen.")

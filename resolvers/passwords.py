"""Is this the password? Argon2id, off the event loop, the same cost for an unknown account."""

from __future__ import annotations

import asyncio
import unicodedata
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from argon2.profiles import RFC_9106_LOW_MEMORY

SHORTEST: Final = 10
LONGEST: Final = 200
THREADS: Final = 2
"""Passwords that one process looks at together: each takes a core for tens of milliseconds, and 64 MiB."""

Answer = TypeVar("Answer")


class Passwords:
    """Hashes and verifies in a small pool of its own."""

    def __init__(self) -> None:
        # RFC 9106's second recommendation: 64 MiB, 3 passes, above the 19 MiB/t=2 that OWASP asks for.
        self._hasher = PasswordHasher.from_parameters(RFC_9106_LOW_MEMORY)
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="argon2")
        # What an unknown account is checked against, so that it costs what a wrong password costs.
        self._nobody = self._hasher.hash("nobody has this password")

    async def hash(self, password: str) -> str:
        """A salted argon2id hash."""
        return await self._off_the_loop(lambda: self._hasher.hash(_spelled(password)))

    async def verify(self, stored: str | None, password: str) -> bool:
        """Whether the password is right; False for no account, at the same cost. Longer than LONGEST it is wrong."""
        right = await self._off_the_loop(lambda: self._verified(stored or self._nobody, password[: LONGEST + 1]))
        return right and stored is not None and len(password) <= LONGEST

    async def renewed(self, stored: str, password: str) -> str | None:
        """The same password's hash with the parameters of today; None where it has them."""
        return await self.hash(password) if self.is_outdated(stored) else None

    def is_outdated(self, stored: str) -> bool:
        """Whether a hash was made with other parameters than those of today."""
        return self._hasher.check_needs_rehash(stored)

    def _verified(self, stored: str, password: str) -> bool:
        try:
            return self._hasher.verify(stored, _spelled(password))
        except (VerificationError, InvalidHashError):
            return False

    async def _off_the_loop(self, work: Callable[[], Answer]) -> Answer:
        return await asyncio.get_running_loop().run_in_executor(self._pool, work)

    def close(self) -> None:
        """End the pool."""
        self._pool.shutdown(wait=False, cancel_futures=True)


def _spelled(password: str) -> bytes:
    """One spelling for what keyboards of different systems write for the same keys. Half of a surrogate pair is no text
    and stays what it is."""
    return unicodedata.normalize("NFKC", password).encode("utf-8", "surrogatepass")

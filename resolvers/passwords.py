"""Is this the password? Argon2id, off the event loop, the same cost for an unknown account."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError


class Passwords:
    """Hashes and verifies in a small pool of its own: argon2 takes a core for tens of milliseconds."""

    def __init__(self) -> None:
        # RFC 9106's second recommendation: 64 MiB, 3 passes, above the 19 MiB/t=2 that OWASP asks for.
        self._hasher = PasswordHasher()
        self._pool = ThreadPoolExecutor(2, thread_name_prefix="argon2")
        # What an unknown account is checked against, so that it costs what a wrong password costs.
        self._nobody = self._hasher.hash("nobody has this password")

    async def hash(self, password: str) -> str:
        """A salted argon2id hash."""
        return await asyncio.get_running_loop().run_in_executor(self._pool, self._hasher.hash, password)

    async def verify(self, stored: str | None, password: str) -> bool:
        """Whether the password is right; False for no account, at the same cost."""
        right = await asyncio.get_running_loop().run_in_executor(
            self._pool, self._verified, stored or self._nobody, password
        )
        return right and stored is not None

    def _verified(self, stored: str, password: str) -> bool:
        try:
            return self._hasher.verify(stored, password)
        except (VerificationError, InvalidHashError):
            return False

    def close(self) -> None:
        """End the pool."""
        self._pool.shutdown(wait=False, cancel_futures=True)

"""Is the store well again? Asked until it is, for as long as the house allows."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from time import monotonic
from typing import TypeVar

from datadir.errors import StoreUnavailable

T = TypeVar("T")
RECOVERY = 5.0
"""Seconds after which a store that is back must be well, without a restart of ours."""


async def well_again(request: Callable[[], Awaitable[T]]) -> T:
    """The first good answer; StoreUnavailable where none comes within RECOVERY."""
    until = monotonic() + RECOVERY
    while True:
        try:
            return await request()
        except StoreUnavailable:
            if monotonic() > until:
                raise
        await asyncio.sleep(0.05)

"""How do last good values reach Redis without anybody waiting for it, and never over the clearing of a write?

Whoever has read hands over what was found and goes on; one task writes what waits, a batch a request. An entry is `+`,
the moment its read began by this host's clock (16 digits, microseconds), and the record. A write of the record leaves
a mark in its place: `-` and the moment of the clearing by Redis' clock.

The race to win: a read begins, the record is written and cleared, and only then the old value arrives to be kept. So
each value is handed over with what Redis' clock had last been heard to say *before* its read began; the script that
keeps it refuses it where a mark is not older than that. Both moments are Redis' own, so no two clocks are compared. A
process that has heard nothing for long loses at most one round of values: each answer tells it the time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Hashable, Iterable, Mapping
from itertools import islice
from time import monotonic
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from prometheus_client import Counter

from datadir import ledger
from datadir.errors import StoreError, StoreUnavailable
from datadir.redis.keys import CACHE_TTL

if TYPE_CHECKING:
    from datadir.redis.client import Redis
    from loaders.cache import Cached

LARGEST_VALUE: Final = 32 * 1024
"""Characters of the largest record that is kept."""
AT_ONCE: Final = 100
"""Values in one request."""
MOST_WAITING: Final = 1000
"""Values that wait to be kept; more are dropped, so that a slow Redis fills no memory."""
MOST_KEPT: Final = 32 * 1024 * 1024
"""Characters that one process keeps within the life of an entry, so that no caller can fill Redis."""
OVERHEAD: Final = 1024
"""Characters that an entry counts for besides its own: what a key costs, there and here."""
RENEW: Final = 10.0
"""Seconds for which a value that was kept is not kept again: what everyone reads costs one write in that time."""
OWED_EVERY: Final = 1.0
"""Seconds between two tries to clear what could not be cleared."""

ENTRY: Final = "+"
MARK: Final = "-"

# KEYS: where, all on one node. ARGV: seconds to live, then for each key what Redis' clock had said before the read
# began, when that was by our clock, and the entry. Answers the time, then for each key whether it was kept. One command
# for all: a command for each costs three times as much on our side. What is there and is none of ours is overwritten.
KEEP: Final = """
local clock = redis.call('TIME')
local answer = {clock[1] * 1000000 + clock[2]}
for nth, key in ipairs(KEYS) do
  local heard, began, entry = tonumber(ARGV[3 * nth - 1]), tonumber(ARGV[3 * nth]), ARGV[3 * nth + 1]
  local there = redis.pcall('GETRANGE', key, 0, 16)
  if type(there) == 'table' then there = '' end
  local sign, moment = string.sub(there, 1, 1), tonumber(string.sub(there, 2)) or 0
  if (sign == '-' and moment >= heard) or (sign == '+' and moment > began) then
    answer[nth + 1] = 0
  else
    redis.call('SET', key, entry, 'EX', ARGV[1])
    answer[nth + 1] = 1
  end
end
return answer
"""
# KEYS: where. ARGV: seconds to live. Answers the first moment after the mark: a read that begins once this is known is
# younger than the write.
CLEAR: Final = """
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]
for _, key in ipairs(KEYS) do
  redis.call('SET', key, string.format('-%016.0f', now), 'EX', ARGV[1])
end
return now + 1
"""

WRITES: Final = Counter(
    "studygraph_cache_writes",
    "Last good values that were kept, refused (a younger value or a write was there), unfit (too large, or no text),"
    " over (beyond the share of this process), dropped (too many waited), or failed (Redis did not take them).",
    ["cache", "outcome"],
)
CLEARS: Final = Counter(
    "studygraph_cache_clears",
    "Last good values that a write cleared, or that it owes until Redis is back.",
    ["cache", "outcome"],
)

Spot = tuple["Cached[Any, Any]", Hashable]


class Found(NamedTuple):
    """A record that a read found. `began` is when the read did by our clock, `heard` what Redis' clock had said before
    it; both in microseconds."""

    record: Any
    began: int
    heard: int


class WriteBehind:
    """Keeps and clears last good values, for one process. `renew`: see `RENEW`."""

    def __init__(self, redis: Redis, *, renew: float = RENEW) -> None:
        self._keep = redis.script(KEEP)
        self._clear = redis.script(CLEAR, repeatable=True)
        # By cache, since the keys of one lie on one node, and each node has its own clock.
        self._heard: dict[str, int] = {}
        self._waiting: dict[Spot, Found] = {}
        self._kept = _Kept(renew)
        # Keys that a write could not clear yet, and when they have ended by themselves.
        self._owed: dict[str, tuple[Cached[Any, Any], float]] = {}
        self._writer: asyncio.Task[None] | None = None
        self._payer: asyncio.Task[None] | None = None

    def heard(self, cached: Cached[Any, Any]) -> int:
        """What Redis' clock said when it was last heard, in microseconds; 0 where it never was."""
        return self._heard.get(cached.place, 0)

    def owes(self, where: str) -> bool:
        """Whether a write has not been able to clear this key yet."""
        return where in self._owed

    def keep(self, cached: Cached[Any, Any], found: Mapping[Any, Any], *, began: int, heard: int) -> None:
        """Let the records of these keys be kept; nobody waits. `began` and `heard`: see `Found`."""
        for key, record in found.items():
            spot = (cached, key)
            if record is None or self._kept.lately(spot):
                continue
            waiting = self._waiting.get(spot)
            if waiting is not None and waiting.began > began:
                continue
            if waiting is None and len(self._waiting) >= MOST_WAITING:
                WRITES.labels(cached.name, "dropped").inc()
                continue
            self._waiting[spot] = Found(record, began, heard)
        if self._waiting and self._writer is None:
            self._writer = asyncio.create_task(self._write())

    async def clear(self, cached: Cached[Any, Any], keys: Iterable[Hashable]) -> None:
        """Forget these values, and those of reads that began before now. What Redis cannot clear is owed: this process
        uses it no more, and tries again until it is done or has ended by itself."""
        places: list[str] = []
        for key in keys:
            self._waiting.pop((cached, key), None)
            self._kept.forget((cached, key))
            places.append(cached.key(key))
        if not places:
            return
        # Owed from the start: whoever is cancelled while waiting has written all the same.
        self._owed.update(dict.fromkeys(places, (cached, monotonic() + CACHE_TTL)))
        try:
            await self._mark(cached, places)
        except StoreUnavailable:
            CLEARS.labels(cached.name, "owed").inc(len(places))
        finally:
            if self._owed and self._payer is None:
                self._payer = asyncio.create_task(self._pay())

    async def settled(self) -> None:
        """Wait until nothing waits to be kept."""
        while self._writer is not None:
            await asyncio.wait([self._writer])

    async def close(self) -> None:
        """Keep what waits; give up what is owed, which ends by itself."""
        await self.settled()
        if self._payer is not None:
            self._payer.cancel()
            await asyncio.wait([self._payer])

    async def _mark(self, cached: Cached[Any, Any], places: list[str]) -> None:
        self._heard[cached.place] = await self._clear(places, [CACHE_TTL])
        for where in places:
            self._owed.pop(where, None)
        CLEARS.labels(cached.name, "cleared").inc(len(places))

    async def _pay(self) -> None:
        """Clear what is owed, and end once nothing is."""
        ledger.current.set(None)
        try:
            while self._owed:
                await asyncio.sleep(OWED_EVERY)
                owed: dict[Cached[Any, Any], list[str]] = {}
                for where, (cached, until) in list(self._owed.items()):
                    if until < monotonic():
                        del self._owed[where]
                    else:
                        owed.setdefault(cached, []).append(where)
                for cached, places in owed.items():
                    try:
                        await self._mark(cached, places)
                    except StoreError:
                        break
        finally:
            self._payer = None

    async def _write(self) -> None:
        """Write what waits, and end once nothing does."""
        # In a task of its own, which serves all operations: none of them made these calls.
        ledger.current.set(None)
        try:
            while self._waiting:
                cached, _ = next(iter(self._waiting))
                spots = list(islice((spot for spot in self._waiting if spot[0] is cached), AT_ONCE))
                entries = [self._entry(spot, self._waiting.pop(spot)) for spot in spots]
                await self._send(cached, [each for each in entries if each is not None])
        finally:
            self._writer = None

    def _entry(self, spot: Spot, found: Found) -> _Entry | None:
        """A value as it travels; None for one that cannot be kept."""
        cached, key = spot
        where = cached.key(key)
        if self.owes(where):
            return None
        try:
            text = f"{ENTRY}{found.began:016d}{cached.shape.written(found.record)}"
        except TypeError:
            text = None
        if text is None or len(text) > LARGEST_VALUE:
            WRITES.labels(cached.name, "unfit").inc()
            return None
        if not self._kept.take(spot, len(text)):
            WRITES.labels(cached.name, "over").inc()
            return None
        return _Entry(spot, where, found.heard, found.began, text)

    async def _send(self, cached: Cached[Any, Any], entries: list[_Entry]) -> None:
        if not entries:
            return
        arguments = [argument for each in entries for argument in (each.heard, each.began, each.text)]
        try:
            now, *kept = await self._keep([each.where for each in entries], [CACHE_TTL, *arguments])
        except StoreError:
            WRITES.labels(cached.name, "failed").inc(len(entries))
            kept = [False] * len(entries)
        else:
            self._heard[cached.place] = now
            WRITES.labels(cached.name, "kept").inc(sum(kept))
            WRITES.labels(cached.name, "refused").inc(len(kept) - sum(kept))
        for each, done in zip(entries, kept, strict=True):
            if not done:
                self._kept.forget(each.spot)


class _Entry(NamedTuple):
    spot: Spot
    where: str
    heard: int
    began: int
    text: str


class _Kept:
    """What this process has kept within the life of an entry: when, and how much in all."""

    def __init__(self, renew: float) -> None:
        self._renew = renew
        # Moment and size, the oldest first.
        self._spots: dict[Spot, tuple[float, int]] = {}
        self._size = 0

    def lately(self, spot: Spot) -> bool:
        """Whether it was kept so lately that it is not kept again."""
        at, _ = self._spots.get(spot, (float("-inf"), 0))
        return at + self._renew > monotonic()

    def take(self, spot: Spot, size: int) -> bool:
        """Whether an entry of that size is within this process's share, which it then takes its part of. What has ended
        counts no more."""
        self.forget(spot)
        ended = monotonic() - CACHE_TTL
        while self._spots:
            oldest = next(iter(self._spots))
            if self._spots[oldest][0] > ended:
                break
            self.forget(oldest)
        if self._size + size + OVERHEAD > MOST_KEPT:
            return False
        self._spots[spot] = (monotonic(), size + OVERHEAD)
        self._size += size + OVERHEAD
        return True

    def forget(self, spot: Spot) -> None:
        """It is there no more."""
        self._size -= self._spots.pop(spot, (0.0, 0))[1]

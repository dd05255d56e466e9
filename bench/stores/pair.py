"""Which two ways of asking one store are compared, and how long does each take?

They take turns within one run, each the first one every second time, so that a machine that is busy with something else
is busy for both. A turn is as many calls, one after another, as fill `TURN_SECONDS`. Compared are the lower quartiles
of all turns: those that other work disturbed least.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from statistics import quantiles
from time import perf_counter
from typing import Any, Final, NamedTuple

from bench.server import BenchError
from datadir.ledger import kept

SIZES: Final = (1, 100, 1000)
"""Keys of a batch read."""
TURN_SECONDS: Final = 0.01
BETWEEN_TURNS_SECONDS: Final = 0.002
"""What a call leaves behind (a commit that nobody waits for) must not meet the next turn."""
MOST_CALLS: Final = 100
WARM_UP: Final = 20
WARM_UP_SECONDS: Final = 0.5
MOST_SECONDS: Final = 6.0
"""For the rounds of one question; at least `FEWEST` there are."""
FEWEST: Final = 5

Ask = Callable[[], Awaitable[Any]]


class Pair(NamedTuple):
    """One question and its two ways. `rows` is how many things the answer brings, None where it is a write."""

    question: str
    ours: Ask
    bare: Ask
    rows: int | None = None


class Found(NamedTuple):
    """Milliseconds a call of each way, and ours by the bare driver's."""

    ours_ms: float
    bare_ms: float
    ours_per_bare: float


def reads(ours: Callable[[int], Ask], bare: Callable[[int], Ask]) -> list[Pair]:
    """Batch reads of each size."""
    return [Pair(f"read_{size}", ours(size), bare(size), size) for size in SIZES]


async def compared(pair: Pair, rounds: int) -> Found:
    """Look at both answers, then take turns. What is counted for an operation is counted here too. Raises BenchError
    where an answer lacks something."""
    with kept():
        for way, ask in (("ours", pair.ours), ("the bare driver", pair.bare)):
            answer, started = await ask(), perf_counter()
            for _ in range(WARM_UP):
                if perf_counter() - started < WARM_UP_SECONDS:
                    answer = await ask()
            if pair.rows is not None and _size(answer) != pair.rows:
                raise BenchError(f"{pair.question}: {way} brings {_size(answer)} of {pair.rows}.")
        calls = await _calls(pair.bare)
        ours: list[float] = []
        bare: list[float] = []
        started = perf_counter()
        for number in range(rounds):
            if number >= FEWEST and perf_counter() - started > MOST_SECONDS:
                break
            ways = [(pair.ours, ours), (pair.bare, bare)]
            for ask, seconds in ways if number % 2 == 0 else reversed(ways):
                seconds.append(await _turn(ask, calls))
                await asyncio.sleep(BETWEEN_TURNS_SECONDS)
    ours_ms, bare_ms = (quantiles(each)[0] * 1000 for each in (ours, bare))
    return Found(ours_ms, bare_ms, ours_ms / bare_ms)


async def _calls(ask: Ask) -> int:
    """How many calls fill a turn."""
    return max(1, min(MOST_CALLS, round(TURN_SECONDS / await _turn(ask, 2))))


async def _turn(ask: Ask, calls: int) -> float:
    started = perf_counter()
    for _ in range(calls):
        await ask()
    return (perf_counter() - started) / calls


def _size(answer: Sequence[Any]) -> int:
    return sum(each is not None for each in answer)

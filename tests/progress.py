"""How do long comparisons say how far they are? A line that grows on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Callable
from time import perf_counter


def progress(seed: int, name: str, count: int, *, every: int = 2_000) -> Callable[[int], None]:
    """Told how many of `count` are done, says so on standard error: each 50 on a terminal, each `every` elsewhere."""
    started = perf_counter()
    live = sys.stderr.isatty()
    told = 0

    def done(number: int) -> None:
        nonlocal told
        if number == count or number - told >= (50 if live else every):
            told = number
            end = "\r" if live and number < count else "\n"
            sys.stderr.write(f"seed {seed}, {name}: {number:,} of {count:,}, {perf_counter() - started:.0f} s{end}")
            sys.stderr.flush()

    return done


def say(*lines: object) -> None:
    """Lines of the result, on standard output."""
    for line in lines:
        sys.stdout.write(f"{line}\n")
    sys.stdout.flush()

"""How much processor time have processes used? From /proc, threads included, in ticks of a hundredth of a second."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from bench.server import BenchError, descendants

TICK: Final = 1.0 / os.sysconf("SC_CLK_TCK")
LONGEST_WAIT_SECONDS: Final = 20.0
QUIET_SECONDS: Final = 0.1
# A process that only looks after itself (timers, polls) uses less than this in QUIET_SECONDS.
QUIET_TICKS: Final = 2


def seconds(pid: int) -> float:
    """User and system time of one process, its ended threads too. Raises BenchError where it is gone."""
    try:
        own, _ = _ticks(pid)
    except OSError:
        raise BenchError(f"Process {pid} is gone.") from None
    return own * TICK


def seconds_below(pid: int) -> float:
    """That of all processes below this one, those that have ended and were waited for included."""
    total = 0
    for each in descendants(pid):
        with suppress(OSError):
            total += sum(_ticks(each.pid))
    return total * TICK


def settled(measure: Sequence[Callable[[], float]]) -> None:
    """Wait until all of these clocks stand still: what was asked has been answered. Raises BenchError."""
    end = time.monotonic() + LONGEST_WAIT_SECONDS
    before = [clock() for clock in measure]
    while time.monotonic() < end:
        time.sleep(QUIET_SECONDS)
        now = [clock() for clock in measure]
        if all(after - earlier <= QUIET_TICKS * TICK for earlier, after in zip(before, now, strict=True)):
            return
        before = now
    raise BenchError(f"The server is still at work {LONGEST_WAIT_SECONDS:.0f} s after the last request.")


def _ticks(pid: int) -> tuple[int, int]:
    """Ticks of the process itself and of its children that have been waited for."""
    # The name in brackets may hold spaces; the state, the third field, follows the last bracket.
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    user, system, children_user, children_system = map(int, fields[11:15])
    return user + system, children_user + children_system

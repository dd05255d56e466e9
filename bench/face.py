"""What do guard, log and metrics cost? `make bench-face`.

One school, two servers that answer from its stores: the program as it is, with a line in its log for every answer, and
the same without these three (`bench.bare`). Rounds in which both have their turn, one right after the other; measured
is processor time of the process that answers, and what counts is the difference within a round: what else happens on
the machine is much the same in both of its turns. Goals: 45 us on `small`, 3 % on `big`. The same numbers go to
`bench/out/face.json`, where a share is of what the bare one takes.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from statistics import median
from typing import Final, NamedTuple

from bench import cpu, wrk
from bench.execution import BIG, SMALL
from bench.server import ROOT, BenchError, Server, folder
from bench.variants import SETTINGS, Operation, places_of, question_to, wait_for_school

OUT: Final = ROOT / "bench" / "out" / "face.json"
VARIANTS: Final = ("whole", "bare")
PROGRAMS: Final = {"whole": ("bench.roomy", "serve"), "bare": ("bench.bare", "serve")}
CONNECTIONS: Final = 8
MOST_MICROSECONDS: Final = 45.0
MOST_SHARE: Final = 0.03


class Goal(NamedTuple):
    """What one operation is held to: a name of the numbers, and the most that it may be."""

    number: str
    most: float


OPERATIONS: Final = {SMALL: Goal("small.face_us", MOST_MICROSECONDS), BIG: Goal("big.face_share", MOST_SHARE)}
# Milliseconds an answer of each round, by operation and variant.
Found = dict[tuple[str, str], list[float]]


def main() -> int:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(prog="python -m bench.face", description=__doc__)
    parser.add_argument("--rounds", type=int, default=40, help="rounds in which both have their turn (40)")
    parser.add_argument("--seconds", type=int, default=1, help="whole seconds of each turn (1)")
    parser.add_argument("--quick", action="store_true", help="3 rounds, to try it")
    given = parser.parse_args()
    rounds, seconds = (3, 1) if given.quick else (given.rounds, given.seconds)
    if rounds < 1 or seconds < 1:
        parser.error("--rounds and --seconds are 1 or more")
    try:
        with folder() as place, _running(place) as servers:
            found = _measured(servers, rounds, seconds)
    except BenchError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    numbers = numbers_of(found)
    sys.stdout.write(table(numbers))
    OUT.parent.mkdir(parents=True, exist_ok=True)
    OUT.write_text(json.dumps(numbers, indent=2) + "\n", encoding="utf-8")
    return 0


class Servers(NamedTuple):
    """The two, by variant, and the token of the account that asks."""

    servers: dict[str, Server]
    token: str


@contextmanager
def _running(place: Path) -> Iterator[Servers]:
    """Both of them, answering from one school in `place`. Raises BenchError."""
    data = place / "school"
    with Server(data, SETTINGS) as server:
        wait_for_school(server)
    # Copied while nobody writes.
    for name in VARIANTS:
        shutil.copytree(data / "qdrant", place / name / "qdrant")
    with ExitStack() as stack:
        # It owns the stores, and is asked for nothing.
        owner = stack.enter_context(Server(data, SETTINGS, PROGRAMS["whole"]))
        owner.until(owner.page_answers, "the page answered")
        places, owner_url = places_of(owner, place / "whole" / "qdrant")
        settings = SETTINGS | {
            "STUDYGRAPH_DEMO": "false",
            "STUDYGRAPH_LOG_LEVEL": "info",
            "STUDYGRAPH_SECRET": places.secret,
            "DATABASE_URL": owner_url,
            "REDIS_URL": places.redis_url,
            "MONGODB_URL": places.mongodb_url,
        }
        servers = {
            name: stack.enter_context(Server(place / name, settings, program)) for name, program in PROGRAMS.items()
        }
        for name, each in servers.items():
            each.until(each.page_answers, f"{name} answered")
        yield Servers(servers, owner.token(SMALL.account))


def _measured(servers: Servers, rounds: int, seconds: int) -> Found:
    found: Found = {(operation.name, name): [] for operation in OPERATIONS for name in VARIANTS}
    for operation in OPERATIONS:
        for name in VARIANTS:
            _say(f"warming up: {operation.name} by {name}")
            wrk.kept_busy(question_to(servers.servers[name].port, operation, servers.token), CONNECTIONS, 2)
    for number in range(rounds):
        for operation in OPERATIONS:
            # Each is the first one as often as the other.
            for name in VARIANTS if number % 2 else reversed(VARIANTS):
                _say(f"round {number + 1} of {rounds}: {operation.name} by {name}")
                found[operation.name, name].append(_turn(servers, name, operation, seconds))
    return found


def _turn(servers: Servers, name: str, operation: Operation, seconds: int) -> float:
    """Milliseconds of processor time an answer."""
    server = servers.servers[name]
    clock = partial(cpu.seconds, server.process.pid)
    cpu.settled([clock])
    before = clock()
    load = wrk.kept_busy(question_to(server.port, operation, servers.token), CONNECTIONS, seconds)
    cpu.settled([clock])
    return (clock() - before) / load.answers * 1000


def numbers_of(found: Found) -> dict[str, float]:
    """Flat names to numbers."""
    numbers: dict[str, float] = {}
    for operation in OPERATIONS:
        whole, bare = (found[operation.name, name] for name in VARIANTS)
        between = [(one - other) * 1000 for one, other in zip(whole, bare, strict=True)]
        numbers[f"{operation.name}.face_us"] = round(median(between), 1)
        numbers[f"{operation.name}.face_share"] = round(median(between) / 1000 / median(bare), 4)
        for column, values in (("whole_us", whole), ("bare_us", bare)):
            numbers[f"{operation.name}.{column}.median"] = round(median(values) * 1000, 1)
            numbers[f"{operation.name}.{column}.min"] = round(min(values) * 1000, 1)
        for label, value in (("min", min(between)), ("max", max(between))):
            numbers[f"{operation.name}.face_us.{label}"] = round(value, 1)
    numbers["machine.cores"] = os.cpu_count() or 1
    numbers["machine.load_after"] = round(os.getloadavg()[0], 2)
    return numbers


def table(numbers: dict[str, float]) -> str:
    """The numbers, to be read."""
    titles = "".join(f"{each:>10}" for each in ("whole", "bare", "face", "share"))
    lines = [f"{'us of processor time an answer':<32}{titles}{'goal':>22}"]
    for operation, goal in OPERATIONS.items():
        name = operation.name
        columns = [numbers[f"{name}.{each}"] for each in ("whole_us.median", "bare_us.median", "face_us")]
        said = f"{goal.number.partition('.')[2]} <= {goal.most:g}{'' if numbers[goal.number] <= goal.most else ' !'}"
        share = f"{numbers[f'{name}.face_share']:.1%}"
        lines.append(f"{name:<32}" + "".join(f"{each:>10.1f}" for each in columns) + f"{share:>10}{said:>22}")
    if not wrk.HERE:
        lines.append("There is no wrk here: the load came from Python, which takes a core of its own.")
    return "\n".join(lines) + "\n"


def _say(step: str) -> None:
    sys.stderr.write(f"{step} ...\n")
    sys.stderr.flush()


if __name__ == "__main__":
    sys.exit(main())

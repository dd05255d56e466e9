"""What does an answer cost, next to the endpoint that one would write by hand? `make bench-execution`.

One run, one school, the same stores, one worker each (uvloop, httptools); rounds in which every variant has its turn.
Measured is processor time, not latency: of the process that answers, and in a second column of the stores' processes,
per answer. Ratios are ratios of medians. All variants give the same answer, which is looked at before anything is
timed. The table goes to standard output, the same numbers to `bench/out/execution.json`.

- `hand`: Starlette, asyncpg and orjson (`bench/hand`): the graph's own statements, one per level and relation, the
  same check of the token, session, row-security transaction, pagination and answer, asked for by GET.
- `hand-best`: one statement that makes the JSON itself, without row security; for information.
- `strawberry`: our schema under graphql-core with our dataloaders.
- `healthy` and `failing`: ours once more, behind a door to Redis that is open, and that is closed.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from statistics import median
from typing import Any, Final, NamedTuple

from bench import cpu, wrk
from bench.first_sight import first_sight
from bench.server import ROOT, BenchError, folder
from bench.variants import Operation, Variants, running

OUT: Final = ROOT / "bench" / "out" / "execution.json"


class Row(NamedTuple):
    """One operation under one number of connections, and who runs it."""

    name: str
    operation: Operation
    variants: tuple[str, ...]
    connections: int = 8


class Ratio(NamedTuple):
    """A ratio of two variants of a row, and the goal it is held to, None where there is none."""

    name: str
    row: str
    above: str
    below: str
    goal: str | None = None


BIG: Final = Operation("big", "bench", (("hand", "/big"), ("hand-best", "/best/big")))
SMALL: Final = Operation("small", "bench", (("hand", "/small"), ("hand-best", "/best/small")))
FRONT: Final = Operation("front", "teacher", (("hand", "/front"),))
FAILING: Final = Operation("failing", "bench")
INTROSPECTION: Final = Operation("introspection", "bench")
OPERATIONS: Final = (BIG, SMALL, FRONT, FAILING, INTROSPECTION)
ROWS: Final = (
    Row("big", BIG, ("ours", "hand", "hand-best", "strawberry")),
    Row("big_32", BIG, ("ours", "hand"), connections=32),
    Row("small", SMALL, ("ours", "hand", "hand-best", "strawberry")),
    Row("front", FRONT, ("ours", "hand", "strawberry")),
    Row("failing", FAILING, ("healthy", "failing")),
    Row("introspection", INTROSPECTION, ("ours", "strawberry"), connections=1),
)
RATIOS: Final = (
    Ratio("big.ours_per_hand", "big", "ours", "hand", "<= 1.0"),
    Ratio("big_32.ours_per_hand", "big_32", "ours", "hand", "<= 1.0"),
    Ratio("small.ours_per_hand", "small", "ours", "hand", "<= 0.9"),
    Ratio("front.ours_per_hand", "front", "ours", "hand", "<= 1.1"),
    Ratio("failing.per_healthy", "failing", "failing", "healthy", "<= 1.5"),
    Ratio("big.strawberry_per_ours", "big", "strawberry", "ours", ">= 10"),
    Ratio("big.ours_per_hand_best", "big", "ours", "hand-best"),
    Ratio("small.ours_per_hand_best", "small", "ours", "hand-best"),
    Ratio("small.strawberry_per_ours", "small", "strawberry", "ours"),
    Ratio("front.strawberry_per_ours", "front", "strawberry", "ours"),
    Ratio("introspection.strawberry_per_ours", "introspection", "strawberry", "ours"),
)
# These are for information; their rounds are shorter.
ASIDE: Final = ("hand-best", "strawberry")
# Whoever takes tenths of a second of processor for one answer is asked for one at a time.
SLOW: Final = (("big", "strawberry"), ("front", "strawberry"))


class Found(NamedTuple):
    """What each round of a row's variant found: ms of the answering process and of the stores per answer, answers a
    round, the 99th of a hundred latencies."""

    api: list[float]
    stores: list[float]
    answers: list[int]
    p99: list[float]


Numbers = dict[tuple[str, str], Found]


def main() -> int:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(prog="python -m bench.execution", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="rounds in which every variant has its turn (5)")
    parser.add_argument("--seconds", type=float, default=3, help="whole seconds of each turn (3)")
    parser.add_argument("--only", action="append", choices=[row.name for row in ROWS], help="only this row; repeatable")
    parser.add_argument("--quick", action="store_true", help="2 rounds of 1 second, to try it")
    given = parser.parse_args()
    rounds, seconds = (2, 1) if given.quick else (given.rounds, int(given.seconds))
    if rounds < 1 or seconds < 1:
        parser.error("--rounds and --seconds are 1 or more")
    rows = [row for row in ROWS if not given.only or row.name in given.only]
    try:
        with folder() as place, running(place) as variants:
            _compare(variants, [row.operation for row in rows])
            found = _measured(variants, rows, rounds, seconds)
    except BenchError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    numbers = _numbers(found)
    sys.stdout.write(_table(found, numbers))
    OUT.parent.mkdir(parents=True, exist_ok=True)
    OUT.write_text(json.dumps(numbers, indent=2) + "\n", encoding="utf-8")
    return 0


def _compare(variants: Variants, operations: list[Operation]) -> None:
    """Raises BenchError where two variants answer differently."""
    for operation in dict.fromkeys(operations):
        asked = dict.fromkeys(each for row in ROWS if row.operation is operation for each in row.variants)
        # What fails is another answer, and wrk looks whether it does.
        answers = {variant: _masked(variants.answer(variant, operation)) for variant in asked if variant != "failing"}
        first = next(iter(answers.values()))
        for variant, answer in answers.items():
            if "errors" in answer:
                raise BenchError(f"{operation.name}: {variant} fails: {json.dumps(answer['errors'])[:500]}")
            where = _difference(first, answer, "")
            if where is not None:
                raise BenchError(f"{operation.name}: {variant} answers differently at {where}.")


def _masked(answer: Any) -> Any:
    """The answer without what changes from one second to the next: presence and signatures of links; and its cost."""
    # What an operation would cost at most is said by the graph alone.
    text = json.dumps({name: each for name, each in answer.items() if name != "extensions"})
    text = re.sub(r'"lastSeenAt": "[^"]*"', '"lastSeenAt": "some time"', text)
    return json.loads(re.sub(r'/objects/[^"]*"', '/objects/some-link"', text))


def _difference(first: Any, second: Any, path: str) -> str | None:
    """Where two answers differ; keys have an order."""
    if isinstance(first, dict) and isinstance(second, dict):
        if list(first) != list(second):
            return f"{path} (keys {list(first)} and {list(second)})"
        pairs = [(f"{path}.{key}", first[key], second[key]) for key in first]
    elif isinstance(first, list) and isinstance(second, list) and len(first) == len(second):
        pairs = [(f"{path}[{nth}]", *pair) for nth, pair in enumerate(zip(first, second, strict=True))]
    else:
        return None if first == second else f"{path}: {str(first)[:80]!r} and {str(second)[:80]!r}"
    return next((where for name, one, other in pairs if (where := _difference(one, other, name)) is not None), None)


def _measured(variants: Variants, rows: list[Row], rounds: int, seconds: int) -> Numbers:
    found: Numbers = defaultdict(lambda: Found([], [], [], []))
    for row in rows:
        for variant in row.variants:
            _say(f"warming up: {row.name} by {variant}")
            with _as_it_is(variants, variant, row):
                wrk.kept_busy(variants.question(variant, row.operation), _connections(row, variant), 1)
    for number in range(rounds):
        for row in rows:
            # Every variant is the first one sometimes.
            first = number % len(row.variants)
            for variant in (*row.variants[first:], *row.variants[:first]):
                _say(f"round {number + 1} of {rounds}: {row.name} by {variant}")
                took = max(1, seconds - 1) if variant in ASIDE else seconds
                _turn(variants, row, variant, took, found[row.name, variant])
    return found


def _connections(row: Row, variant: str) -> int:
    return 1 if (row.name, variant) in SLOW else row.connections


def _turn(variants: Variants, row: Row, variant: str, seconds: int, found: Found) -> None:
    api = partial(cpu.seconds, variants.process(variant))
    stores = partial(cpu.seconds_below, variants.ours.process.pid)
    with _as_it_is(variants, variant, row):
        cpu.settled([api])
        api_before, stores_before = api(), stores()
        load = wrk.kept_busy(variants.question(variant, row.operation), _connections(row, variant), seconds)
        cpu.settled([api])
    found.api.append((api() - api_before) / load.answers * 1000)
    found.stores.append((stores() - stores_before) / load.answers * 1000)
    found.answers.append(load.answers)
    found.p99.append(load.p99_ms)


@contextmanager
def _as_it_is(variants: Variants, variant: str, row: Row) -> Iterator[None]:
    """With Redis refusing for `failing`, which has just seen the session alive; well again afterwards."""
    if variant != "failing":
        yield
        return
    question = variants.question("healthy", row.operation)
    wrk.kept_busy(question, 1, 1)
    variants.door.close()
    try:
        # Until the breaker is open: the first answers still try.
        variants.answer("failing", row.operation)
        variants.answer("failing", row.operation)
        yield
    finally:
        variants.door.open()
        until = time.monotonic() + 10
        while "errors" in variants.answer("healthy", row.operation):
            if time.monotonic() > until:
                raise BenchError("Ten seconds after Redis is back the answer still holds errors.")
            time.sleep(0.2)


def _numbers(found: Numbers) -> dict[str, float]:
    """Flat names to numbers."""
    numbers: dict[str, float] = {}
    for ratio in RATIOS:
        above, below = found.get((ratio.row, ratio.above)), found.get((ratio.row, ratio.below))
        if above is not None and below is not None:
            numbers[ratio.name] = round(median(above.api) / median(below.api), 3)
            # Introspection asks them for nothing but the session.
            if stores := median(below.stores):
                numbers[f"{ratio.name}_stores"] = round(median(above.stores) / stores, 3)
    for (row, variant), each in found.items():
        for column, values in (("api_ms", each.api), ("stores_ms", each.stores)):
            for name, value in (("min", min(values)), ("median", median(values)), ("max", max(values))):
                numbers[f"{row}.{variant}.{column}.{name}"] = round(value, 4)
        numbers[f"{row}.{variant}.p99_ms"] = round(median(each.p99), 2)
        numbers[f"{row}.{variant}.answers"] = sum(each.answers)
    for operation in OPERATIONS:
        for step, value in first_sight(operation).items():
            numbers[f"{operation.name}.first_sight_ms.{step}"] = round(value, 3)
    numbers["machine.cores"] = os.cpu_count() or 1
    numbers["machine.load_after"] = round(os.getloadavg()[0], 2)
    return numbers


def _table(found: Numbers, numbers: dict[str, float]) -> str:
    lines = [
        f"{'ms of processor time an answer':<32}{'min':>10}{'median':>10}{'max':>10}{'stores':>10}{'p99 ms':>10}"
        f"{'answers':>10}"
    ]
    for (row, variant), each in found.items():
        numbered = "".join(f"{value:>10.3f}" for value in (min(each.api), median(each.api), max(each.api)))
        lines.append(
            f"{row + ' by ' + variant:<32}{numbered}{median(each.stores):>10.3f}{median(each.p99):>10.1f}"
            f"{sum(each.answers):>10}"
        )
    lines += ["", f"{'ratios of medians':<42}{'processor':>10}{'stores':>10}{'goal':>10}"]
    for ratio in RATIOS:
        if ratio.name in numbers:
            goal = "" if ratio.goal is None else f"{ratio.goal} {'' if _met(numbers[ratio.name], ratio.goal) else '!'}"
            stores = numbers.get(f"{ratio.name}_stores", 0.0)
            lines.append(f"{ratio.name:<42}{numbers[ratio.name]:>10.2f}{stores:>10.2f}{goal:>11}")
    lines += ["", f"{'first sight, ms':<32}{'parse':>10}{'validate':>10}{'compile':>10}"]
    for operation in OPERATIONS:
        steps = [numbers[f"{operation.name}.first_sight_ms.{step}"] for step in ("parse", "validate", "compile")]
        lines.append(f"{operation.name:<32}" + "".join(f"{value:>10.2f}" for value in steps))
    lines.append("")
    if not wrk.HERE:
        lines.append("There is no wrk here: the load came from Python, which takes a core of its own.")
    return "\n".join(lines) + "\n"


def _met(value: float, goal: str) -> bool:
    sign, number = goal.split(" ")
    return value <= float(number) if sign == "<=" else value >= float(number)


def _say(step: str) -> None:
    sys.stderr.write(f"{step} ...\n")
    sys.stderr.flush()


if __name__ == "__main__":
    sys.exit(main())

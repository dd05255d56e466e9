"""What becomes of branches of a level that run side by side, where one of them ends early?"""

from __future__ import annotations

import asyncio
from typing import Any, cast

import pytest

from graph.execution.run import Run

PATIENCE = 10.0


@pytest.fixture
def run() -> Run:
    return Run(cast("Any", None), cast("Any", None))


async def task_of(answer: str, told: list[str]) -> tuple[str, asyncio.Task[Any] | None]:
    """What it is, and who runs it; it waits once."""
    told.append(f"{answer} begins")
    await asyncio.sleep(0)
    told.append(f"{answer} ends")
    return answer, asyncio.current_task()


async def test_answers_are_in_the_order_of_what_was_asked_and_the_last_takes_no_task(run: Run) -> None:
    told: list[str] = []
    done = await run.together([task_of(each, told) for each in ("a", "b", "c")])
    assert [answer for answer, _ in done] == ["a", "b", "c"]
    assert told == ["a begins", "b begins", "c begins", "a ends", "b ends", "c ends"], "side by side"
    here = asyncio.current_task()
    assert [task is here for _, task in done] == [False, False, True]


async def test_one_alone_takes_no_task(run: Run) -> None:
    [(answer, task)] = await run.together([task_of("a", [])])
    assert (answer, task) == ("a", asyncio.current_task())


async def test_nothing_is_nothing(run: Run) -> None:
    assert await run.together([]) == []


class Branch:
    """Waits until it is told otherwise, and takes a moment to put away what it had."""

    def __init__(self) -> None:
        self.begun = asyncio.Event()
        self.over = False

    async def runs(self) -> None:
        self.begun.set()
        try:
            await asyncio.sleep(PATIENCE)
        finally:
            await asyncio.sleep(0.01)
            self.over = True


@pytest.mark.parametrize("when", ["before they begin", "while they wait"])
async def test_whoever_is_cancelled_leaves_nobody_at_work(run: Run, when: str) -> None:
    branches = [Branch(), Branch(), Branch()]
    whole = asyncio.create_task(run.together([each.runs() for each in branches]))
    if when == "while they wait":
        for each in branches:
            await asyncio.wait_for(each.begun.wait(), PATIENCE)
    else:
        await asyncio.sleep(0)
    whole.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(whole, PATIENCE / 2)
    begun = [each.begun.is_set() for each in branches]
    assert begun == [True] * 3 if when == "while they wait" else not any(begun[2:])
    assert [each.over for each in branches] == begun


async def breaks(branches: list[Branch]) -> None:
    for each in branches:
        await asyncio.wait_for(each.begun.wait(), PATIENCE)
    raise RuntimeError("broken")


async def test_where_the_last_breaks_the_others_are_called_off(run: Run) -> None:
    branches = [Branch(), Branch()]
    with pytest.raises(RuntimeError, match="broken"):
        async with asyncio.timeout(PATIENCE / 2):
            await run.together([*(each.runs() for each in branches), breaks(branches)])
    assert [each.over for each in branches] == [True, True]


async def test_where_another_breaks_the_rest_is_called_off_once_the_last_is_done(run: Run) -> None:
    branch = Branch()
    told: list[str] = []
    with pytest.raises(RuntimeError, match="broken"):
        async with asyncio.timeout(PATIENCE / 2):
            await run.together([breaks([branch]), branch.runs(), task_of("last", told)])
    assert branch.over
    assert told == ["last begins", "last ends"]

"""Do many who follow one thing hear the same, in time and in bounds? The looks are told one by one by the tests."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping

import pytest

from loaders.watch import NOWHERE, Change, Told, Watch


class Looks:
    """What is there to be seen: each look waits for the next thing to be put in."""

    def __init__(self) -> None:
        self.count = 0
        self._next: asyncio.Queue[Mapping[str, str] | Exception] = asyncio.Queue()

    def see(self, *seen: Mapping[str, str] | Exception) -> None:
        """The next looks see this."""
        for each in seen:
            self._next.put_nowait(each)

    async def __call__(self) -> Mapping[str, str]:
        """One look."""
        self.count += 1
        seen = await self._next.get()
        if isinstance(seen, Exception):
            raise seen
        return seen


def watch(most_remembered: int = 10) -> Watch[str]:
    """A watch without pauses. The case of letters is no change."""
    return Watch(str.lower, seconds=0, most_remembered=most_remembered)


def watching() -> list[asyncio.Task[None]]:
    """The tasks that look."""
    return [task for task in asyncio.all_tasks() if task.get_name() == "watch"]


async def begun(watch: Watch[str], looks: Looks, after: int | None = None) -> AsyncGenerator[Told[str], None]:
    """Somebody who has heard the beginning."""
    follower = watch.follow(looks, after)
    await anext(follower)
    return follower


async def test_first_everything_then_each_change() -> None:
    looks = Looks()
    looks.see({"a": "1", "b": "1"}, {"a": "2", "b": "1"}, {"a": "2", "c": "1"})
    follower = watch().follow(looks)
    assert await anext(follower) == Told(0, whole={"a": "1", "b": "1"})
    assert await anext(follower) == Told(1, changes={"a": Change("1", "2")})
    assert await anext(follower) == Told(3, changes={"b": Change("1", None), "c": Change(None, "1")})
    await follower.aclose()


async def test_what_does_not_count_is_no_change_and_is_told_with_the_next() -> None:
    looks = Looks()
    looks.see({"a": "x"}, {"a": "X"}, {"a": "Y"})
    follower = await begun(watch(), looks)
    assert await anext(follower) == Told(1, changes={"a": Change("X", "Y")})
    assert looks.count == 3
    await follower.aclose()


async def test_one_look_serves_all_who_follow() -> None:
    looks, seen = Looks(), watch()
    looks.see({"a": "1"})
    first, second = await begun(seen, looks), await begun(seen, looks)
    assert len(watching()) == 1
    heard = asyncio.gather(anext(first), anext(second))
    looks.see({"a": "2"})
    assert await heard == [Told(1, changes={"a": Change("1", "2")})] * 2
    assert looks.count <= 3
    await first.aclose()
    assert len(watching()) == 1
    await second.aclose()
    assert watching() == []


async def test_who_is_slow_hears_changes_in_one_piece_with_the_number_of_those_left_out() -> None:
    looks, seen = Looks(), watch()
    looks.see({"a": "1", "b": "1"})
    slow, prompt = await begun(seen, looks), await begun(seen, looks)
    for state in ({"a": "2", "b": "1"}, {"a": "3", "b": "1"}, {"a": "3", "b": "2"}, {"a": "3", "b": "1"}):
        looks.see(state)
        await anext(prompt)
    assert await anext(slow) == Told(4, changes={"a": Change("1", "3")}, dropped=3)
    await slow.aclose()
    await prompt.aclose()


async def test_who_is_too_slow_begins_again() -> None:
    looks, seen = Looks(), watch(most_remembered=2)
    looks.see({"a": "1"})
    slow, prompt = await begun(seen, looks), await begun(seen, looks)
    for state in "234":
        looks.see({"a": state})
        await anext(prompt)
    assert await anext(slow) == Told(3, whole={"a": "4"}, again=True)
    await slow.aclose()
    await prompt.aclose()


async def test_who_comes_back_hears_what_came_between() -> None:
    looks, seen = Looks(), watch()
    looks.see({"a": "1", "b": "1"}, {"a": "2", "b": "1"})
    follower = await begun(seen, looks)
    position = (await anext(follower)).position
    await follower.aclose()
    assert watching() == []
    # Nobody looked meanwhile: the first look of the new task tells.
    looks.see({"a": "2", "b": "3"})
    back = seen.follow(looks, position)
    assert await anext(back) == Told(2, changes={"b": Change("1", "3")})
    await back.aclose()


@pytest.mark.parametrize("position", [NOWHERE, 7])
async def test_a_position_that_leads_nowhere_begins_again(position: int) -> None:
    looks = Looks()
    looks.see({"a": "1"})
    follower = watch().follow(looks, position)
    assert await anext(follower) == Told(0, whole={"a": "1"}, again=True)
    await follower.aclose()


async def test_a_look_that_fails_ends_all_who_follow_and_nobody_after_them() -> None:
    looks, seen = Looks(), watch()
    looks.see({"a": "1"})
    first, second = await begun(seen, looks), await begun(seen, looks)
    looks.see(OSError("no eyes"))
    for each in (first, second):
        with pytest.raises(OSError, match="no eyes"):
            await anext(each)
    assert watching() == []
    looks.see({"a": "2"})
    third = seen.follow(looks)
    assert await anext(third) == Told(1, whole={"a": "2"})
    await third.aclose()


async def test_whoever_is_cancelled_while_waiting_is_gone() -> None:
    looks, seen = Looks(), watch()
    looks.see({"a": "1"})
    follower = await begun(seen, looks)
    waiting = asyncio.ensure_future(anext(follower))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert watching() == []

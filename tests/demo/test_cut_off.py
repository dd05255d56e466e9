"""Does a first start that was cut off go on, with its own dates?"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, cast

import pytest

from datadir.errors import StoreUnavailable
from datadir.names import StoreName
from datadir.stores import Stores
from resolvers.demo import seeding
from resolvers.demo.school import School
from tests.demo.conftest import START, unheard


class CutOff:
    """A store that is gone from the nth call of one method on."""

    def __init__(self, store: Any, method: str, calls: int) -> None:
        self._store, self._method, self._calls = store, method, calls

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._store, name)
        if name != self._method:
            return found

        async def cut_off(*args: Any, **kwargs: Any) -> Any:
            self._calls -= 1
            if self._calls < 0:
                raise StoreUnavailable(StoreName.MONGODB)
            return await found(*args, **kwargs)

        return cut_off


async def test_a_start_that_was_cut_off_goes_on_with_its_own_dates(empty_stores: Stores, demo: School) -> None:
    assert not await seeding.is_seeded(empty_stores)
    assert await seeding.first_now(empty_stores) is None

    without_transcripts = replace(empty_stores, documents=cast(Any, CutOff(empty_stores.documents, "insert_many", 0)))
    with pytest.raises(StoreUnavailable):
        await seeding.seed(without_transcripts, demo, unheard)
    assert not await seeding.is_seeded(empty_stores)
    assert await seeding.first_now(empty_stores) == START

    half_the_files = replace(empty_stores, objects=cast(Any, CutOff(empty_stores.objects, "put", 15)))
    with pytest.raises(StoreUnavailable):
        await seeding.seed(half_the_files, demo, unheard)
    assert not await seeding.is_seeded(empty_stores)

    heard: list[tuple[str, int, int]] = []
    await seeding.seed(empty_stores, demo, lambda *report: heard.append(report))
    assert await seeding.is_seeded(empty_stores)
    assert await seeding.first_now(empty_stores) == START
    finished = [step for step, done, total in heard if done == total]
    assert sorted(finished) == sorted(
        [seeding.PEOPLE, seeding.LESSONS, seeding.ENGAGEMENT, seeding.FILES, seeding.EVENTS]
    )
    assert [done for step, done, _ in heard if step == seeding.FILES] == [0, *range(1, 31)]

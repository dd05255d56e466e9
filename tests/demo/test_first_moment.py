"""Which moment is the school's first? The one that is set, else that of its first start."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from graph.process import _seed
from graph.settings import Settings, SettingsError, load
from resolvers.demo import seeding
from tests.running_school import Quiet, RunningSchool


def test_a_moment_without_offset_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STUDYGRAPH_DEMO_NOW", "2026-03-02T09:00:00")
    with pytest.raises(SettingsError, match=r"^STUDYGRAPH_DEMO_NOW must be a moment with its offset"):
        load()


def test_a_moment_with_offset_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STUDYGRAPH_DEMO_NOW", "2026-03-02T09:00:00Z")
    assert load().demo_now == datetime(2026, 3, 2, 9, tzinfo=UTC)


async def test_a_school_that_stands_keeps_its_first_moment(school: RunningSchool) -> None:
    later = Settings(demo=True, demo_now=datetime(2031, 1, 1, tzinfo=UTC))
    await _seed(school.services, Quiet(), later)
    assert await seeding.first_now(school.services.stores) == school.start

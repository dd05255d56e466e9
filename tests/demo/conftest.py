"""Which school do these tests look at? One of size 1 and one of size 3, made once; no store is touched."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from resolvers.demo.school import School

NOW = datetime(2026, 11, 21, 9, 42, 17, 5, tzinfo=UTC)
START = datetime(2026, 11, 21, 9, tzinfo=UTC)


@pytest.fixture(scope="session")
def demo() -> School:
    return School(NOW)


@pytest.fixture(scope="session")
def larger_demo() -> School:
    return School(NOW, size=3)

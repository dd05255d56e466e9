"""Whom do the attacks meet? The memory school: what is refused needs no store, and what is not reads from memory."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.corpus import memory_school, served


@pytest.fixture(scope="module", autouse=True)
def memory() -> Iterator[None]:
    """Faces take the memory school's records, and the Authorization header is a viewer's name."""
    with memory_school.installed(), served.installed():
        yield

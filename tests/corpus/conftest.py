"""The memory school and the injection, for the tests of this folder."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.corpus import injection, memory_school


@pytest.fixture(scope="module")
def memory() -> Iterator[None]:
    """Faces take the memory school's records; fields run through the injection of their context."""
    with memory_school.installed(), injection.installed():
        yield

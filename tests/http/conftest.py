"""Which school do the tests of HTTP ask? The worker's own; nothing here searches, so none waits for its vectors."""

from __future__ import annotations

import pytest

from tests.running_school import RunningSchool


@pytest.fixture(scope="session")
def school(unwarmed_school: RunningSchool) -> RunningSchool:
    """A demo school."""
    return unwarmed_school

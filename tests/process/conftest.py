"""Where do the process tests keep their data?"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.folders import passable_folder


@pytest.fixture
def data() -> Iterator[Path]:
    """A data folder that does not exist yet, in a path with a space."""
    with passable_folder() as parent:
        yield parent / "data"

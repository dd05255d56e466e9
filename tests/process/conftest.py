"""Where do the process tests keep their data?"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture
def data() -> Iterator[Path]:
    """A data folder that does not exist yet, in a path with a space."""
    with tempfile.TemporaryDirectory(prefix="study graph ") as parent:
        Path(parent).chmod(0o711)  # under root another account has to come through
        yield Path(parent).resolve() / "data"

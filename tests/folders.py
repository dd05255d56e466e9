"""Where do tests keep the data of embedded servers? Where another account can come through, and gone afterwards.

pytest's own temporary folders are closed to others: as root, PostgreSQL's account would have to go elsewhere, and what
lies there would stay behind.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def passable_folder(prefix: str = "studygraph ") -> Iterator[Path]:
    """A new folder, in a path with a space."""
    with tempfile.TemporaryDirectory(prefix=prefix, ignore_cleanup_errors=True) as folder:
        path = Path(folder).resolve()
        path.chmod(0o711)
        yield path

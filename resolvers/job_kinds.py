"""Which kinds of jobs are there, and who runs each? A row of `datadir/decisions/0006-jobs.md` for each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from resolvers import key_rotation
from resolvers.accounts.reset_password import LETTER, write_letter
from resolvers.jobs import Kind

KINDS: Final[Mapping[str, Kind]] = {
    key_rotation.REWRAP: Kind(key_rotation.rewrap),
    LETTER: Kind(write_letter, attempts=8),
}

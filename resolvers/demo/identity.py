"""Which id has a thing of the demo school? The same on every machine and at every start: made from its name."""

from __future__ import annotations

from typing import Final
from uuid import UUID, uuid5

SCHOOL: Final = UUID("5d0c6f0e-0f0b-5e55-9b63-6f2d6cf5a6a1")


def fixed_id(kind: str, *names: object) -> UUID:
    """The id of one thing: its kind and the names that tell it from others of its kind."""
    return uuid5(SCHOOL, "/".join((kind, *map(str, names))))


def fixed_object_id(kind: str, *names: object) -> str:
    """The same as 24 hexadecimal digits, as document stores like their ids."""
    return fixed_id(kind, *names).hex[:24]

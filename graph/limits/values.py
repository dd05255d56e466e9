"""What do variables hold? Read once at each request, judged by the other files.

Most variables are a text or a number: only lists and objects are walked. How deep JSON may be is the envelope's limit.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

_NUL: Final = "\x00"


@dataclass(slots=True)
class Held:
    """How many values, how many levels of them, which lists, and which variables hold U+0000."""

    count: int = 0
    depth: int = 0
    # The variable, the input field that takes the list (none for the whole variable), its length.
    lists: list[tuple[str, str, int]] = field(default_factory=list)
    nul: list[str] = field(default_factory=list)


def held(given: Mapping[str, Any]) -> Held:
    """What the variables of a request hold."""
    found = Held(count=len(given))
    for variable, value in given.items():
        if isinstance(value, str):
            if _NUL in value:
                found.nul.append(variable)
        elif isinstance(value, dict | list) and _walk(found, variable, "", value, 1):
            found.nul.append(variable)
    return found


def _walk(found: Held, variable: str, name: str, value: dict[str, Any] | list[Any], depth: int) -> bool:
    """Whether U+0000 is somewhere below."""
    nul = False
    found.count += len(value)
    found.depth = max(found.depth, depth)
    if isinstance(value, list):
        found.lists.append((variable, name, len(value)))
        items = ((name, each) for each in value)
    else:
        items = ((key, each) for key, each in value.items())
    for key, each in items:
        if isinstance(each, str):
            nul = nul or _NUL in each
        elif isinstance(each, dict | list):
            nul = _walk(found, variable, key, each, depth + 1) or nul
    return nul

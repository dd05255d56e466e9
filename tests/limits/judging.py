"""How do the tests of one limit ask? With the limits of the settings' defaults, some of them changed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from graphql import parse

from graph.limits.bounds import Limits, by_role, loosest
from graph.limits.guard import refused
from graph.limits.measures import Measures, measured
from graph.settings import Settings

DEFAULTS = loosest(by_role(Settings()))


def limits(**changed: int) -> Limits:
    """The defaults, but for those that are named."""
    return replace(DEFAULTS, **changed)


def measures(text: str) -> Measures:
    """What a document holds, however long it is."""
    return measured(parse(text))


def refusals(text: str, **changed: int) -> list[dict[str, Any]]:
    """What the guard says of a document before it is validated."""
    return refused(measures(text), limits(**changed))


def codes(text: str, **changed: int) -> set[str]:
    """The codes with which a document is refused."""
    return {error["extensions"]["code"] for error in refusals(text, **changed)}


def sentence(text: str, **changed: int) -> str:
    """The one sentence with which a document is refused."""
    (only,) = refusals(text, **changed)
    return str(only["message"])

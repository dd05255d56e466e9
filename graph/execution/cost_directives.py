"""How does the SDL say what a field costs? IBM's `@cost` and `@listSize`, from which operations are priced.

A field that asks stores has a `@cost`: ten for each store call, charged once for a whole level, as one call serves it.
Whatever has none costs what `docs/limits.md` says of its kind: nothing is free.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import strawberry
from strawberry import UNSET
from strawberry.schema_directive import Location

CALL: Final = 10
"""What one store call costs."""
PAGE: Final = 20
"""What a page holds where nobody says how much."""


@strawberry.schema_directive(
    locations=[
        Location.ARGUMENT_DEFINITION,
        Location.ENUM,
        Location.FIELD_DEFINITION,
        Location.INPUT_FIELD_DEFINITION,
        Location.OBJECT,
        Location.SCALAR,
    ],
    description="What this costs: a field that asks stores once for its level, an object each time it is answered.",
)
class Cost:
    """IBM's directive; the weight is a number."""

    weight: str


@strawberry.schema_directive(
    locations=[Location.FIELD_DEFINITION],
    name="listSize",
    description="How long a list may get, or those below in a page. Without any argument that says so it is assumed.",
)
class ListSize:
    """IBM's directive."""

    assumed_size: int | None = UNSET
    slicing_arguments: list[str] | None = UNSET
    sized_fields: list[str] | None = UNSET
    require_one_slicing_argument: bool | None = UNSET


def cost_of(calls: Mapping[str, int]) -> Cost:
    """The directive of a field that makes these store calls."""
    return Cost(weight=str(CALL * sum(calls.values()) or 1))


def size_of(declared: Callable[..., Any] | None, many: int | Sequence[str] | None) -> list[object]:
    """The `@listSize` of a field whose arguments `declared` takes: a page has it by itself.

    `many` says it of any other list: how many items to assume, or the arguments that tell."""
    if isinstance(many, int):
        return [ListSize(assumed_size=many)]
    if many is not None:
        return [ListSize(slicing_arguments=list(many), require_one_slicing_argument=False)]
    names = () if declared is None else inspect.signature(declared).parameters
    slicing = [name for name in ("first", "last") if name in names]
    if not slicing:
        return []
    return [
        ListSize(
            assumed_size=PAGE,
            slicing_arguments=slicing,
            sized_fields=["edges", "nodes"],
            require_one_slicing_argument=False,
        )
    ]

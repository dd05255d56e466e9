"""How does the SDL say who may read a field? `@access(to:)` on each of them."""

from __future__ import annotations

import strawberry
from strawberry.schema_directive import Location

from resolvers.access.labels import Label

AccessLabel = strawberry.enum(Label, name="AccessLabel", description="Who may read or call a field.")
for _each in AccessLabel.__strawberry_definition__.values:  # type: ignore[attr-defined]
    # What a label means stands in `resolvers`, which knows nothing of Strawberry.
    _each.description = _each.value


@strawberry.schema_directive(
    locations=[Location.FIELD_DEFINITION], description="Who may read or call this field. The server enforces it."
)
class Access:
    """The label of one field."""

    to: Label

"""How does the SDL say what becomes of a field whose store fails? `@degrades(to:)` on each that comes from one."""

from __future__ import annotations

import strawberry
from strawberry.schema_directive import Location

from resolvers.degrading import Degrades as Word

Degradation = strawberry.enum(Word, name="Degradation", description="What becomes of a field whose store fails.")
for _each in Degradation.__strawberry_definition__.values:  # type: ignore[attr-defined]
    # What a word means stands in `loaders`, which knows nothing of Strawberry.
    _each.description = _each.value


@strawberry.schema_directive(
    locations=[Location.FIELD_DEFINITION], description="What becomes of this field where its store fails."
)
class Degrades:
    """The word of one field."""

    to: Word

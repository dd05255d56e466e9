"""How does a mutation say that it is to be done once? By a field of its input, the same in each."""

from typing import Any

import strawberry
from strawberry import UNSET


def idempotency_key() -> Any:
    """Declare `idempotency_key: str | None` of an input that is sent with an account: nothing else is needed."""
    return strawberry.field(
        default=UNSET,
        description="At most 200 characters. The same key within 24 hours is answered with the first answer, and "
        "nothing is done again.",
    )

"""What has somebody done lately, for themselves to see?"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from loaders.accounts import UserRecord
from loaders.activity import Activity, ActivityPage, ActivityPages, ActivityRecord
from loaders.page import PageRequest
from resolvers.degrading import degrades_with
from resolvers.operation import Operation

__all__ = ["ActivityRecord"]

_KEY: Final = re.compile("[0-9a-f]{24}")


def activity_key(text: str) -> str:
    """The key of a trace. Raises ValueError."""
    if _KEY.fullmatch(text) is None:
        raise ValueError(text)
    return text


@degrades_with(Activity.activity_by_id)
async def by_ids(operation: Operation, ids: Sequence[str]) -> list[ActivityRecord | None]:
    """Traces that the viewer may know of."""
    return await operation.loaders.activity.activity_by_id(ids, operation.services.now())


@degrades_with(Activity.activity_by_user_id)
async def of_users(operation: Operation, users: Sequence[UserRecord], request: PageRequest) -> ActivityPages:
    """One page of what each person did, the newest first."""
    ids = [each.id for each in users]
    return await operation.loaders.activity.activity_by_user_id(ids, request, operation.services.now())


@degrades_with(Activity.totals)
async def totals(operation: Operation, pages: Sequence[ActivityPage]) -> list[int]:
    """How many traces each page's whole list has."""
    return await operation.loaders.activity.totals(pages)

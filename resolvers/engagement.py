"""How engaged is a person? Day by day, in UTC."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, timedelta
from typing import Any, Final

from datadir.cassandra.tables import UserEngagement
from loaders.accounts import UserRecord
from loaders.engagement import Engagement
from resolvers.degrading import degrades_with
from resolvers.errors import BadUserInput
from resolvers.operation import Operation

LONGEST_SPAN: Final = 90


def day_count(days: int) -> Any:
    """How many days back, within bounds. Raises BadUserInput."""
    if not 1 <= days <= LONGEST_SPAN:
        raise BadUserInput(f"`days` is {days}; engagement is shown for 1 to {LONGEST_SPAN} days.")
    return days


@degrades_with(Engagement.days_by_user_id)
async def days(operation: Operation, users: Sequence[UserRecord], count: int) -> list[list[UserEngagement]]:
    """The last `count` UTC days of each person, today included, newest first."""
    today = operation.services.now().astimezone(UTC).date()
    since = today - timedelta(days=count - 1)
    return await operation.loaders.engagement.days_by_user_id([each.id for each in users], since)

"""What do all streams have in common? A snapshot first, then changes, all on one cursor."""

from enum import Enum
from typing import Annotated

import strawberry

After = Annotated[
    str | None,
    strawberry.argument(
        description="The cursor of the last event one has: what came since is told, or a RESET where that is too much."
    ),
]


@strawberry.enum(description="What an event is.")
class EventKind(Enum):
    """Kinds of events."""

    SNAPSHOT = strawberry.enum_value("snapshot", description="The first one: how everything is.")
    CHANGE = strawberry.enum_value("change", description="What has changed since the event before.")
    RESET = strawberry.enum_value(
        "reset", description="How everything is: cursor too old, or reader too slow, to be told what changed."
    )


@strawberry.enum(description="What became of a record.")
class ChangeOp(Enum):
    """What became of a record."""

    ADDED = strawberry.enum_value("added", description="It was not there before.")
    UPDATED = strawberry.enum_value("updated", description="It is another now.")
    REMOVED = strawberry.enum_value("removed", description="It is no more; this is how it was.")

"""What has somebody done lately, outside? Traces, the newest first."""

from datetime import datetime

import strawberry

from graph.execution.edge import MONGODB, edge, leaf
from graph.types.node import Node
from graph.types.paging import Edge, PageInfo, edges_of
from resolvers import activity


@strawberry.type(description="One thing that a person did; it is kept for 90 days.")
class Activity(Node):
    """Source: MongoDB `activity_logs`."""

    record = activity.ActivityRecord
    by_keys = activity.by_ids
    key = activity.activity_key
    store = "mongodb"

    action: str = leaf("What was done, as a word such as `lesson.completed`.")
    resource_type: str | None = leaf("To what kind of thing.")
    resource_id: str | None = leaf("To which one: its key in the store, which is no id of this graph.")
    at: datetime = leaf("When.")


@strawberry.type(description="One page of what a person did.")
class ActivityConnection:
    """Relay's connection over traces."""

    edges: list[Edge[Activity]] = leaf("The records with their cursors.", read=edges_of)
    nodes: list[Activity] = leaf("The records.", read=lambda page: page.records)
    page_info: PageInfo = leaf("Whether and how to go on.", read=lambda page: page)
    total_count: int | None = edge(
        activity.totals, "How many records the whole list has; only counted where this is asked for.", calls=MONGODB
    )

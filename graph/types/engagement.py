"""How engaged is somebody, outside? Day by day."""

import datetime

import strawberry

from graph.execution.edge import leaf
from resolvers.access.labels import Label


@strawberry.type(description="One UTC day of one person.")
class EngagementDay:
    """Source: Cassandra `analytics.user_engagement`."""

    date: datetime.date = leaf("The day, UTC.", label=Label.TEACHER)
    total_events: int = leaf("How many events there were.", label=Label.TEACHER)
    unique_pages: int = leaf("How many different pages were seen.", label=Label.TEACHER)
    session_count: int = leaf("How many times the person came.", label=Label.TEACHER)
    total_time_minutes: int = leaf("How long the person was there, in minutes.", label=Label.TEACHER)
    engagement_score: float = leaf("0 to 100, computed from the events.", label=Label.TEACHER)

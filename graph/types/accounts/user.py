"""Who is a person, outside? Users, their presence, and what belongs to their account."""

from datetime import datetime
from enum import Enum
from typing import TYPE_CHECKING, Annotated

import strawberry
from strawberry import UNSET

from graph.execution.edge import CASSANDRA, MONGODB, NO_CALLS, POSTGRESQL, REDIS, edge, edge_with, leaf
from graph.types.activity import ActivityConnection
from graph.types.courses import Enrollment
from graph.types.engagement import EngagementDay
from graph.types.node import Node
from graph.types.paging import (
    After,
    Before,
    BooleanFilter,
    Connection,
    DateTimeFilter,
    First,
    Last,
    OrderDirection,
    StringFilter,
    page_request,
)
from resolvers import accounts, activity, courses, engagement
from resolvers.access.accounts import reads_as_member, reads_as_self, reads_as_teacher
from resolvers.access.labels import Label
from resolvers.accounts.people import SessionView
from resolvers.audit import Concern

if TYPE_CHECKING:
    from graph.types.classrooms import Classroom, ClassroomFilter, ClassroomOrder

_CLASSROOMS = strawberry.lazy("graph.types.classrooms")


@strawberry.enum(description="What an account may do.")
class Role(Enum):
    """Account roles, as the seeds store them."""

    STUDENT = strawberry.enum_value("student", description="Learns; everyone registers as this.")
    TEACHER = strawberry.enum_value("teacher", description="May open classrooms and courses.")
    ADMIN = strawberry.enum_value("admin", description="Runs the school's platform; every look is audited.")
    SERVICE = strawberry.enum_value("service", description="A program that writes what it computes.")


@strawberry.enum(description="Whether somebody is there.")
class PresenceStatus(Enum):
    """Presence, derived from the last authenticated request."""

    ONLINE = strawberry.enum_value("online", description="Seen within the last 2 minutes.")
    IDLE = strawberry.enum_value("idle", description="Seen within the last 15 minutes.")
    OFFLINE = strawberry.enum_value("offline", description="Not seen for longer.")


@strawberry.type(description="Whether and when somebody was last here.")
class Presence:
    """Source: Redis `presence:{user_id}`."""

    status: PresenceStatus = leaf("Whether the person is here now.", label=Label.MEMBER)
    last_seen_at: datetime | None = leaf(
        "The last authenticated request; null if none within 24 hours.", label=Label.MEMBER
    )


@strawberry.enum(description="How the pages look.")
class Theme(Enum):
    """Themes, as the seeds store them."""

    LIGHT = strawberry.enum_value("light", description="Dark on light.")
    DARK = strawberry.enum_value("dark", description="Light on dark.")
    SYSTEM = strawberry.enum_value("system", description="As the device says.")


@strawberry.enum(description="What an account has been booked for.")
class Plan(Enum):
    """Plans."""

    FREE = strawberry.enum_value("free", description="What everyone has.")
    PLUS = strawberry.enum_value("plus", description="Booked by a person.")
    SCHOOL = strawberry.enum_value("school", description="Booked by a school for its people.")


@strawberry.enum(description="Whether a plan is in force.")
class SubscriptionStatus(Enum):
    """Where a plan stands."""

    ACTIVE = strawberry.enum_value("active", description="In force.")
    PAST_DUE = strawberry.enum_value("past_due", description="In force, and not paid for.")
    CANCELLED = strawberry.enum_value("cancelled", description="No longer in force.")


@strawberry.type(description="A person's full name.")
class Profile:
    """Source: PostgreSQL `profiles`."""

    first_name: str | None = leaf("The first name.")
    last_name: str | None = leaf("The last name.")


@strawberry.type(description="How a person likes it.")
class Preferences:
    """Source: PostgreSQL `user_preferences`; the defaults where nothing was said."""

    theme: Theme = leaf("How the pages look.")
    language: str = leaf("The language of the pages, BCP 47.")
    notification_email: bool = leaf("Whether notifications come by e-mail too.")
    notification_push: bool = leaf("Whether notifications are pushed to devices.")
    difficulty_preference: int = leaf("How hard exercises should be, 1 to 5.")


@strawberry.type(description="A person's plan.")
class UserSubscription:
    """Source: PostgreSQL `subscriptions`; the free plan where there is none."""

    plan: Plan = leaf("What has been booked.")
    status: SubscriptionStatus = leaf("Whether it is in force.")
    started_at: datetime = leaf("Since when.")
    renews_at: datetime | None = leaf("When it renews; null where it goes on for ever.")


@strawberry.type(description="A place where a person is logged in.")
class Session(Node):
    """Source: PostgreSQL `user_sessions`."""

    record = SessionView
    by_keys = accounts.sessions_by_ids

    created_at: datetime = leaf("When the person logged in.")
    last_activity_at: datetime = leaf(
        "When it was refreshed last, which happens every quarter of an hour while it is used."
    )
    is_current: bool = leaf("Whether it is the one that asks.")
    user_agent: str | None = leaf("What the program there calls itself, as it was when the person logged in.")


@strawberry.type(description="A person with an account, or a program that acts as one.")
class User(Node):
    """Source: PostgreSQL `users`."""

    record = accounts.UserRecord
    by_keys = accounts.by_ids
    concerns = Concern("User", "id")

    name: str = leaf("The person's name; the e-mail's local part where none is set.")
    email: str | None = leaf("The address the person logs in with.", label=Label.TEACHER, door=reads_as_teacher)
    role: Role | None = leaf("What the account may do.", label=Label.MEMBER, door=reads_as_member)
    avatar_url: str | None = edge(
        accounts.pictures,
        "Where the person's picture is; the link to one that was uploaded ends after 15 minutes.",
        label=Label.MEMBER,
        door=reads_as_member,
        calls=NO_CALLS,
    )
    is_active: bool | None = leaf("Whether the account may log in.", label=Label.SELF, door=reads_as_self)
    created_at: datetime | None = leaf("When the account was made.", label=Label.SELF, door=reads_as_self)
    last_login_at: datetime | None = leaf("The last log-in.", label=Label.SELF, door=reads_as_self)
    presence: Presence | None = edge(
        accounts.presence, "Whether the person is here.", label=Label.MEMBER, door=reads_as_member, calls=REDIS
    )

    @edge_with(engagement.days, calls=CASSANDRA, label=Label.TEACHER, door=reads_as_teacher, many=("days",))
    @staticmethod
    def engagement(
        days: Annotated[int, strawberry.argument(description="How many UTC days back, today included: 1 to 90.")] = 14,
    ) -> list[EngagementDay] | None:
        """Engagement day by day, newest first; days without data are absent."""
        return engagement.day_count(days)

    @edge_with(accounts.classrooms, calls=POSTGRESQL, label=Label.SELF, door=reads_as_self)
    @staticmethod
    def classrooms(
        first: First = UNSET,
        after: After = UNSET,
        last: Last = UNSET,
        before: Before = UNSET,
        filter: Annotated[
            Annotated["ClassroomFilter", _CLASSROOMS] | None, strawberry.argument(description="Only these.")
        ] = UNSET,
        order_by: Annotated[
            list[Annotated["ClassroomOrder", _CLASSROOMS]] | None,
            strawberry.argument(description="The order; by name if not given."),
        ] = UNSET,
    ) -> Connection[Annotated["Classroom", _CLASSROOMS]] | None:
        """The classrooms that the person is a member of."""
        return page_request(first, after, last, before, order_by, filter)

    profile: Profile | None = edge(
        accounts.profiles, "The person's full name.", label=Label.SELF, door=reads_as_self, calls=POSTGRESQL
    )
    preferences: Preferences | None = edge(
        accounts.preferences, "How the person likes it.", label=Label.SELF, door=reads_as_self, calls=POSTGRESQL
    )
    subscription: UserSubscription | None = edge(
        accounts.subscriptions, "The person's plan.", label=Label.SELF, door=reads_as_self, calls=POSTGRESQL
    )
    sessions: list[Session] | None = edge(
        accounts.sessions,
        "Where the person is logged in, the latest log-in first.",
        label=Label.SELF,
        door=reads_as_self,
        calls=POSTGRESQL,
        many=5,
    )

    @edge_with(courses.enrollments, calls=POSTGRESQL, label=Label.SELF, door=reads_as_self)
    @staticmethod
    def enrollments(
        first: First = UNSET, after: After = UNSET, last: Last = UNSET, before: Before = UNSET
    ) -> Connection[Enrollment] | None:
        """The courses that the person takes or has taken, the latest first."""
        return page_request(first, after, last, before)

    @edge_with(activity.of_users, calls=MONGODB, label=Label.SELF, door=reads_as_self)
    @staticmethod
    def activity(
        first: First = UNSET, after: After = UNSET, last: Last = UNSET, before: Before = UNSET
    ) -> ActivityConnection | None:
        """What the person did in the last 90 days, the newest first."""
        return page_request(first, after, last, before)


@strawberry.input(description="What an account's role must be.")
class RoleFilter:
    """Operators on roles."""

    eq: Role | None = strawberry.field(default=UNSET, description="Exactly this.")
    in_: list[Role] | None = strawberry.field(default=UNSET, name="in", description="One of these.")


@strawberry.input(description="Which accounts.")
class UserFilter:
    """All that is given must hold."""

    email: StringFilter | None = strawberry.field(default=UNSET, description="By address.")
    name: StringFilter | None = strawberry.field(default=UNSET, description="By name.")
    role: RoleFilter | None = strawberry.field(default=UNSET, description="By role.")
    is_active: BooleanFilter | None = strawberry.field(default=UNSET, description="By whether they may log in.")
    created_at: DateTimeFilter | None = strawberry.field(default=UNSET, description="By when they were made.")
    last_login_at: DateTimeFilter | None = strawberry.field(default=UNSET, description="By their last log-in.")
    and_: list["UserFilter"] | None = strawberry.field(default=UNSET, name="and", description="All of these.")
    or_: list["UserFilter"] | None = strawberry.field(default=UNSET, name="or", description="One of these.")
    not_: "UserFilter | None" = strawberry.field(default=UNSET, name="not", description="Not this.")


@strawberry.enum(description="What accounts can be ordered by.")
class UserOrderField(Enum):
    """Columns of the accounts list."""

    CREATED_AT = strawberry.enum_value("CREATED_AT", description="When they were made.")
    NAME = strawberry.enum_value("NAME", description="Their names.")
    EMAIL = strawberry.enum_value("EMAIL", description="Their addresses.")
    LAST_LOGIN_AT = strawberry.enum_value("LAST_LOGIN_AT", description="Their last log-in.")


@strawberry.input(description="One term of an order of accounts.")
class UserOrder:
    """Field and direction."""

    field: UserOrderField = strawberry.field(description="By what.")
    direction: OrderDirection = strawberry.field(default=OrderDirection.ASC, description="Which way.")

"""Who is a person, outside? Users, their presence, and logging in."""

from datetime import datetime
from enum import Enum
from typing import TYPE_CHECKING, Annotated

import strawberry
from strawberry import UNSET

from graph.execution.edge import CASSANDRA, POSTGRESQL, REDIS, Calls, edge, edge_with, face, leaf, root
from graph.types.engagement import EngagementDay
from graph.types.node import Node
from graph.types.paging import After, Before, Connection, First, Last, page_request
from resolvers import accounts, engagement
from resolvers.access.accounts import reads_as_member, reads_as_self, reads_as_teacher
from resolvers.access.labels import Label
from resolvers.operation import Operation

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


@strawberry.type(description="A person with an account, or a program that acts as one.")
class User(Node):
    """Source: PostgreSQL `users`."""

    record = accounts.UserRecord
    by_keys = accounts.by_ids

    name: str = leaf("The person's name; the e-mail's local part where none is set.")
    email: str | None = leaf("The address the person logs in with.", label=Label.TEACHER, door=reads_as_teacher)
    role: Role | None = leaf("What the account may do.", label=Label.MEMBER, door=reads_as_member)
    avatar_url: str | None = leaf("Where the person's picture is.", label=Label.MEMBER, door=reads_as_member)
    is_active: bool | None = leaf("Whether the account may log in.", label=Label.SELF, door=reads_as_self)
    created_at: datetime | None = leaf("When the account was made.", label=Label.SELF, door=reads_as_self)
    last_login_at: datetime | None = leaf("The last log-in.", label=Label.SELF, door=reads_as_self)
    presence: Presence | None = edge(
        accounts.presence, "Whether the person is here.", label=Label.MEMBER, door=reads_as_member, calls=REDIS
    )

    @edge_with(engagement.days, calls=CASSANDRA, label=Label.TEACHER, door=reads_as_teacher)
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


@strawberry.input(description="E-mail and password.")
class LogInInput:
    """What logs in."""

    email: str = strawberry.field(description="The account's address, at most 255 characters.")
    password: str = strawberry.field(description="The account's password, at most 200 characters.")
    remember_me: bool = strawberry.field(
        default=False, description="Whether the refresh token lasts 30 days instead of 24 hours."
    )


@strawberry.enum(description="Why a log-in failed.")
class LogInErrorCode(Enum):
    """Payload error codes of logIn."""

    INVALID_CREDENTIALS = strawberry.enum_value(
        "INVALID_CREDENTIALS", description="No account has this address and password; which of the two is not said."
    )
    TOO_LONG = strawberry.enum_value("TOO_LONG", description="A text is longer than any that could be right.")


@strawberry.type(description="Why a mutation did not do what was asked, in terms of its input.")
class LogInError:
    """Payload error of logIn."""

    code: LogInErrorCode = leaf("What is wrong.", label=Label.PUBLIC)
    message: str = leaf("The same in a sentence.", label=Label.PUBLIC)
    path: list[str] = leaf("Where in the input.", label=Label.PUBLIC)


@strawberry.type(description="A new session, or why there is none.")
class LogInPayload:
    """Answer of logIn."""

    access_token: str | None = leaf("Bearer token for the Authorization header; 15 minutes.", label=Label.PUBLIC)
    refresh_token: str | None = leaf("Makes new access tokens; keep it secret.", label=Label.PUBLIC)
    expires_at: datetime | None = leaf("When the access token ends.", label=Label.PUBLIC)
    user: User | None = leaf("The account that is now logged in.", label=Label.PUBLIC)
    errors: list[LogInError] = leaf("Why there is no session; empty on success.", label=Label.PUBLIC)


@strawberry.type
class AccountQueries:
    """Root fields about people."""

    @root(accounts.viewer, calls=POSTGRESQL, label=Label.PUBLIC, opens=True)
    @staticmethod
    async def viewer(operation: Operation) -> User | None:
        """Whoever asks; null without an account."""
        return face(await accounts.viewer(operation))


# The credentials, the time of the log-in and its event, then scope and account of whoever is now logged in.
LOG_IN_CALLS: Calls = {"postgresql": 5, "redis": 1}


@strawberry.type
class AccountMutations:
    """What can be done about accounts."""

    @root(accounts.log_in, calls=LOG_IN_CALLS, label=Label.PUBLIC, opens=True)
    @staticmethod
    async def log_in(
        operation: Operation,
        input: Annotated[LogInInput, strawberry.argument(description="E-mail and password.")],
    ) -> LogInPayload:
        """Open a session. A wrong password is an answer, not an exception: see `errors`."""
        return face(await accounts.log_in(operation, input.email, input.password, input.remember_me))

"""Which scalars go beyond GraphQL's own, and how are they written?"""

from datetime import UTC, date, datetime
from typing import Any, NewType

import strawberry
from graphql import GraphQLError

BigInt = NewType("BigInt", int)


def _datetime(value: datetime) -> str:
    return value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _parse_datetime(value: Any) -> datetime:
    try:
        moment = datetime.fromisoformat(value)
    except (TypeError, ValueError) as error:
        raise GraphQLError("A DateTime is a text as 2026-11-21T09:30:00Z.") from error
    if moment.tzinfo is None:
        raise GraphQLError("A DateTime carries its offset, as 2026-11-21T09:30:00Z.")
    return moment


def _parse_date(value: Any) -> date:
    try:
        if len(value) != 10:
            raise ValueError(value)
        return date.fromisoformat(value)
    except (TypeError, ValueError) as error:
        raise GraphQLError("A Date is a text as 2026-11-21.") from error


def _parse_big_int(value: Any) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, str) and len(value) <= 20 and value.lstrip("-").isdecimal() and value.isascii():
        return int(value)
    raise GraphQLError("A BigInt is a text of digits.")


DateTimeScalar = strawberry.scalar(
    name="DateTime",
    description="A moment in UTC, RFC 3339 with offset, cut to milliseconds: 2026-11-21T09:30:00.000Z.",
    specified_by_url="https://scalars.graphql.org/andimarek/date-time.html",
    serialize=_datetime,
    parse_value=_parse_datetime,
)
DateScalar = strawberry.scalar(
    name="Date",
    description="A day of the UTC calendar: 2026-11-21.",
    specified_by_url="https://scalars.graphql.org/andimarek/local-date.html",
    serialize=date.isoformat,
    parse_value=_parse_date,
)
BigIntScalar = strawberry.scalar(
    name="BigInt",
    description="A whole number beyond 32 bits, as a text of digits; integers are taken too.",
    specified_by_url="https://www.rfc-editor.org/rfc/rfc8259#section-6",
    serialize=str,
    parse_value=_parse_big_int,
)
SCALARS: dict[Any, Any] = {datetime: DateTimeScalar, date: DateScalar, BigInt: BigIntScalar}

"""What is wrong with the input of a mutation, outside? Codes, sentences, places."""

from enum import Enum

import strawberry

from graph.execution.edge import leaf
from resolvers.access.labels import Label


@strawberry.enum(description="What is wrong with an input.")
class UserErrorCode(Enum):
    """Payload error codes of all mutations."""

    EMAIL_TAKEN = strawberry.enum_value("EMAIL_TAKEN", description="Another account has this address.")
    EXPIRED = strawberry.enum_value("EXPIRED", description="It was good once, and its time is over.")
    INVALID_CREDENTIALS = strawberry.enum_value(
        "INVALID_CREDENTIALS", description="No account has this address and password; which of the two is not said."
    )
    INVALID_EMAIL = strawberry.enum_value("INVALID_EMAIL", description="This is no e-mail address.")
    INVALID_IMAGE = strawberry.enum_value("INVALID_IMAGE", description="This is no picture of a kind that is taken.")
    INVALID_STATE = strawberry.enum_value("INVALID_STATE", description="It is not possible as things stand.")
    INVALID_TEXT = strawberry.enum_value(
        "INVALID_TEXT", description="The text holds characters that it must not, or has another form."
    )
    INVALID_TOKEN = strawberry.enum_value(
        "INVALID_TOKEN", description="The token was never given, was used before, or has been taken back."
    )
    INVALID_URL = strawberry.enum_value("INVALID_URL", description="This is no address that may stand here.")
    OUT_OF_RANGE = strawberry.enum_value("OUT_OF_RANGE", description="The value is too small or too large.")
    TOO_LONG = strawberry.enum_value("TOO_LONG", description="The text is longer than it may be.")
    WEAK_PASSWORD = strawberry.enum_value("WEAK_PASSWORD", description="The password is too easy to guess.")


@strawberry.type(description="Why a mutation did not do what was asked, in terms of its input.")
class UserError:
    """Payload error of every mutation."""

    code: UserErrorCode = leaf("What is wrong.", label=Label.PUBLIC)
    message: str = leaf("The same in a sentence.", label=Label.PUBLIC)
    path: list[str] = leaf("Where in the input.", label=Label.PUBLIC, many=3)

"""What goes into the mutations of accounts?"""

from datetime import datetime

import strawberry
from strawberry import UNSET

from graph.types.accounts.user import Plan, Role, Theme
from graph.types.idempotency import idempotency_key
from graph.types.scalars import Upload

_EMAIL = "The account's address, at most 255 characters."
_NEW_PASSWORD = "10 to 200 characters; not one that anybody would guess, nor the address."


@strawberry.input(description="A new account.")
class RegisterInput:
    """What registers. There is no role in it: everyone begins as a student."""

    email: str = strawberry.field(description="The address to log in with, at most 255 characters.")
    password: str = strawberry.field(description=_NEW_PASSWORD)
    name: str | None = strawberry.field(
        default=UNSET, description="How others see the person, at most 100 characters; else the address's local part."
    )


@strawberry.input(description="E-mail and password.")
class LogInInput:
    """What logs in."""

    email: str = strawberry.field(description=_EMAIL)
    password: str = strawberry.field(description="The account's password, at most 200 characters.")
    remember_me: bool = strawberry.field(
        default=False, description="Whether the refresh token lasts 30 days instead of 24 hours."
    )


@strawberry.input(description="A refresh token.")
class RefreshSessionInput:
    """What brings new tokens."""

    refresh_token: str = strawberry.field(description="The latest one of the session; each is good once.")


@strawberry.input(description="Where to log out.")
class LogOutInput:
    """What logs out."""

    everywhere: bool = strawberry.field(default=False, description="Whether all sessions of the account end.")
    idempotency_key: str | None = idempotency_key()


@strawberry.input(description="A session to end.")
class RevokeSessionInput:
    """Which session ends."""

    session_id: strawberry.ID = strawberry.field(description="One of the viewer's own.")
    idempotency_key: str | None = idempotency_key()


@strawberry.input(description="The password, and another one.")
class ChangePasswordInput:
    """What changes the password."""

    current_password: str = strawberry.field(description="The account's password.")
    new_password: str = strawberry.field(description=_NEW_PASSWORD)
    idempotency_key: str | None = idempotency_key()


@strawberry.input(description="Whose password was forgotten.")
class RequestPasswordResetInput:
    """Where the letter goes."""

    email: str = strawberry.field(description=_EMAIL)


@strawberry.input(description="The token of a letter, and another password.")
class ResetPasswordInput:
    """What resets the password."""

    token: str = strawberry.field(description="The letter's; it works once, for an hour.")
    new_password: str = strawberry.field(description=_NEW_PASSWORD)


@strawberry.input(description="What is to be different about the viewer. What is left out stays, null takes it away.")
class UpdateProfileInput:
    """How somebody is called and looks."""

    name: str | None = strawberry.field(default=UNSET, description="How others see the person, at most 100 characters.")
    first_name: str | None = strawberry.field(default=UNSET, description="The first name, at most 100 characters.")
    last_name: str | None = strawberry.field(default=UNSET, description="The last name, at most 100 characters.")
    avatar_url: str | None = strawberry.field(
        default=UNSET, description="Where a picture is, https, at most 500 characters."
    )
    idempotency_key: str | None = idempotency_key()


@strawberry.input(description="A picture of the viewer.")
class UploadAvatarInput:
    """What somebody looks like."""

    file: Upload = strawberry.field(
        description="A PNG or JPEG of at most 1 MB and 16 million pixels. Its middle is kept, 512 by 512, and nothing "
        "else of it."
    )
    idempotency_key: str | None = idempotency_key()


@strawberry.input(description="How the viewer likes it from now on. What is left out, or null, stays.")
class UpdatePreferencesInput:
    """How somebody likes it."""

    theme: Theme | None = strawberry.field(default=UNSET, description="How the pages look.")
    language: str | None = strawberry.field(default=UNSET, description="The language of the pages, BCP 47.")
    notification_email: bool | None = strawberry.field(
        default=UNSET, description="Whether notifications come by e-mail too."
    )
    notification_push: bool | None = strawberry.field(
        default=UNSET, description="Whether notifications are pushed to devices."
    )
    difficulty_preference: int | None = strawberry.field(
        default=UNSET, description="How hard exercises should be, 1 to 5."
    )
    idempotency_key: str | None = idempotency_key()


@strawberry.input(description="Whose role, and which.")
class SetUserRoleInput:
    """What an administrator decides about a role."""

    user_id: strawberry.ID = strawberry.field(description="The account, not one's own.")
    role: Role = strawberry.field(description="What it may do from now on.")
    idempotency_key: str | None = idempotency_key()


@strawberry.input(description="Whose account ends.")
class DeactivateUserInput:
    """What an administrator ends."""

    user_id: strawberry.ID = strawberry.field(description="The account, not one's own.")
    idempotency_key: str | None = idempotency_key()


@strawberry.input(description="Whose plan, and which.")
class SetSubscriptionInput:
    """What an administrator books."""

    user_id: strawberry.ID = strawberry.field(description="The account.")
    plan: Plan = strawberry.field(description="The plan.")
    renews_at: datetime | None = strawberry.field(
        default=UNSET, description="When it renews, in the future; left out or null: it goes on for ever."
    )
    idempotency_key: str | None = idempotency_key()

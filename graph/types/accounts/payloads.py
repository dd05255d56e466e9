"""What comes out of the mutations of accounts?"""

from datetime import datetime

import strawberry

from graph.execution.edge import leaf
from graph.ids import encode
from graph.types.accounts.user import Preferences, User
from graph.types.user_error import UserError
from resolvers.access.labels import Label

_ERRORS = "Why nothing was done; empty on success."
_MANY = 5
"""Problems that an input is assumed to have."""


def _errors(label: Label = Label.RECORD) -> list[UserError]:
    return leaf(_ERRORS, label=label, many=_MANY)


@strawberry.type(description="A new account with its first session, or why there is none.")
class RegisterPayload:
    """Answer of register."""

    access_token: str | None = leaf("Bearer token for the Authorization header; 15 minutes.", label=Label.PUBLIC)
    refresh_token: str | None = leaf("Makes new access tokens; keep it secret.", label=Label.PUBLIC)
    expires_at: datetime | None = leaf("When the access token ends.", label=Label.PUBLIC)
    user: User | None = leaf("The new account.", label=Label.PUBLIC)
    errors: list[UserError] = _errors(Label.PUBLIC)


@strawberry.type(description="A new session, or why there is none.")
class LogInPayload:
    """Answer of logIn."""

    access_token: str | None = leaf("Bearer token for the Authorization header; 15 minutes.", label=Label.PUBLIC)
    refresh_token: str | None = leaf("Makes new access tokens; keep it secret.", label=Label.PUBLIC)
    expires_at: datetime | None = leaf("When the access token ends.", label=Label.PUBLIC)
    user: User | None = leaf("The account that is now logged in.", label=Label.PUBLIC)
    errors: list[UserError] = _errors(Label.PUBLIC)


@strawberry.type(description="New tokens of a session, or why there are none.")
class RefreshSessionPayload:
    """Answer of refreshSession."""

    access_token: str | None = leaf("Bearer token for the Authorization header; 15 minutes.", label=Label.PUBLIC)
    refresh_token: str | None = leaf("The next one; the one that was sent is worth nothing now.", label=Label.PUBLIC)
    expires_at: datetime | None = leaf("When the access token ends.", label=Label.PUBLIC)
    errors: list[UserError] = _errors(Label.PUBLIC)


@strawberry.type(description="Whether a session is over.")
class LogOutPayload:
    """Answer of logOut."""

    logged_out: bool | None = leaf("True: the tokens of the session are worth nothing now.")
    errors: list[UserError] = _errors()


@strawberry.type(description="Which session is over.")
class RevokeSessionPayload:
    """Answer of revokeSession."""

    revoked_session_id: strawberry.ID | None = leaf(
        "The session that has ended.",
        read=lambda done: None if done.revoked_session_id is None else encode("Session", done.revoked_session_id),
    )
    errors: list[UserError] = _errors()


@strawberry.type(description="Whether there is another password.")
class ChangePasswordPayload:
    """Answer of changePassword."""

    changed: bool | None = leaf("True: all other sessions of the account have ended.")
    errors: list[UserError] = _errors()


@strawberry.type(description="Whether a letter was asked for; the same for every address.")
class RequestPasswordResetPayload:
    """Answer of requestPasswordReset."""

    requested: bool | None = leaf("True: a letter is on its way, if there is such an account.", label=Label.PUBLIC)
    errors: list[UserError] = _errors(Label.PUBLIC)


@strawberry.type(description="Whether there is another password.")
class ResetPasswordPayload:
    """Answer of resetPassword."""

    changed: bool | None = leaf("True: all sessions of the account have ended.", label=Label.PUBLIC)
    errors: list[UserError] = _errors(Label.PUBLIC)


@strawberry.type(description="The viewer's account as it is now.")
class UpdateProfilePayload:
    """Answer of updateProfile."""

    user: User | None = leaf("The account.")
    errors: list[UserError] = _errors()


@strawberry.type(description="The viewer's account with its new picture, or why there is none.")
class UploadAvatarPayload:
    """Answer of uploadAvatar."""

    user: User | None = leaf("The account.")
    errors: list[UserError] = _errors()


@strawberry.type(description="The viewer's preferences as they are now.")
class UpdatePreferencesPayload:
    """Answer of updatePreferences."""

    preferences: Preferences | None = leaf("The preferences.")
    errors: list[UserError] = _errors()


@strawberry.type(description="The account with its role.")
class SetUserRolePayload:
    """Answer of setUserRole."""

    user: User | None = leaf("The account.")
    errors: list[UserError] = _errors()


@strawberry.type(description="The account that has ended.")
class DeactivateUserPayload:
    """Answer of deactivateUser."""

    user: User | None = leaf("The account.")
    errors: list[UserError] = _errors()


@strawberry.type(description="The account with its plan.")
class SetSubscriptionPayload:
    """Answer of setSubscription."""

    user: User | None = leaf("The account.")
    errors: list[UserError] = _errors()

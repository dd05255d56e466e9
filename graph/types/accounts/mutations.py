"""What can be done with accounts? Coming in, leaving, passwords, oneself, and what administrators decide."""

from collections.abc import Mapping
from enum import Enum
from typing import Annotated, Any

import strawberry
from strawberry import UNSET

from graph.execution.edge import Calls, face, root
from graph.ids import uuid_of
from graph.types.accounts import inputs, payloads
from resolvers import accounts
from resolvers.access.labels import Label
from resolvers.operation import Operation

# What a log-in needs at most: how often it was tried, the credentials, the account's row, the time of the log-in, its
# event, the session's row and the session; then the account of whoever is now logged in. Whoever registers has no
# credentials yet, and no row to wait for.
LOG_IN_CALLS: Calls = {"postgresql": 6, "redis": 2}
REGISTER_CALLS: Calls = {"postgresql": 5, "redis": 2}
REFRESH_CALLS: Calls = {"postgresql": 3, "redis": 2}
END_CALLS: Calls = {"postgresql": 2, "redis": 1}
PASSWORD_CALLS: Calls = {"postgresql": 4, "redis": 2}
LETTER_CALLS: Calls = {"postgresql": 1, "redis": 2}
# What is written, then the account as it is now; a picture that is no longer shown goes.
PROFILE_CALLS: Calls = {"postgresql": 3, "minio": 1}
# The picture comes, the one before it goes.
AVATAR_CALLS: Calls = {"postgresql": 2, "minio": 2}
PREFERENCES_CALLS: Calls = {"postgresql": 3}
ROLE_CALLS: Calls = {"postgresql": 5, "redis": 1}
PLAN_CALLS: Calls = {"postgresql": 4}


def _stored(value: Enum) -> str:
    """An enum's value as the seeds store it."""
    return str(value.value)


def _given(input: Any, names: Mapping[str, str]) -> dict[str, Any]:
    """What was given, by another name: enums as they are stored."""
    found = {name: getattr(input, attribute) for attribute, name in names.items()}
    return {
        name: _stored(value) if isinstance(value, Enum) else value
        for name, value in found.items()
        if value is not UNSET
    }


_PROFILE = {"name": "name", "first_name": "firstName", "last_name": "lastName", "avatar_url": "avatarUrl"}
_PREFERENCES = {
    name: name for name in ("theme", "language", "notification_email", "notification_push", "difficulty_preference")
}


@strawberry.type
class AccountMutations:
    """What can be done about accounts."""

    @root(accounts.register, calls=REGISTER_CALLS, label=Label.PUBLIC, opens=True)
    @staticmethod
    async def register(
        operation: Operation,
        input: Annotated[inputs.RegisterInput, strawberry.argument(description="Who comes.")],
    ) -> payloads.RegisterPayload:
        """Make an account, as a student, and open its first session."""
        name = None if input.name is UNSET else input.name
        return face(await accounts.register(operation, input.email, input.password, name))

    @root(accounts.log_in, calls=LOG_IN_CALLS, label=Label.PUBLIC, opens=True)
    @staticmethod
    async def log_in(
        operation: Operation,
        input: Annotated[inputs.LogInInput, strawberry.argument(description="E-mail and password.")],
    ) -> payloads.LogInPayload:
        """Open a session. A wrong password is an answer, not an exception: see `errors`."""
        return face(await accounts.log_in(operation, input.email, input.password, input.remember_me))

    @root(accounts.refresh_session, calls=REFRESH_CALLS, label=Label.PUBLIC)
    @staticmethod
    async def refresh_session(
        operation: Operation,
        input: Annotated[inputs.RefreshSessionInput, strawberry.argument(description="The refresh token.")],
    ) -> payloads.RefreshSessionPayload:
        """Go on with a session. A refresh token is good once: used again, it ends the whole session."""
        return face(await accounts.refresh_session(operation, input.refresh_token))

    @root(accounts.log_out, calls=END_CALLS)
    @staticmethod
    async def log_out(
        operation: Operation, input: Annotated[inputs.LogOutInput, strawberry.argument(description="Where.")]
    ) -> payloads.LogOutPayload:
        """End the session that asks, or all of the account. What is selected after it is refused."""
        return face(await accounts.log_out(operation, input.everywhere))

    @root(accounts.revoke_session, calls=END_CALLS)
    @staticmethod
    async def revoke_session(
        operation: Operation,
        input: Annotated[inputs.RevokeSessionInput, strawberry.argument(description="Which session.")],
    ) -> payloads.RevokeSessionPayload | None:
        """End one of the viewer's sessions, wherever it is."""
        return face(await accounts.revoke_session(operation, uuid_of(input.session_id, "Session")))

    @root(accounts.change_password, calls=PASSWORD_CALLS)
    @staticmethod
    async def change_password(
        operation: Operation,
        input: Annotated[inputs.ChangePasswordInput, strawberry.argument(description="The old one and the new one.")],
    ) -> payloads.ChangePasswordPayload:
        """Have another password. All other sessions of the account end."""
        return face(await accounts.change_password(operation, input.current_password, input.new_password))

    @root(accounts.request_password_reset, calls=LETTER_CALLS, label=Label.PUBLIC)
    @staticmethod
    async def request_password_reset(
        operation: Operation,
        input: Annotated[inputs.RequestPasswordResetInput, strawberry.argument(description="Whose password.")],
    ) -> payloads.RequestPasswordResetPayload:
        """Ask for a letter that lets a forgotten password be changed. Nobody is told whether there is an account."""
        return face(await accounts.request_password_reset(operation, input.email))

    @root(accounts.reset_password, calls=PASSWORD_CALLS, label=Label.PUBLIC)
    @staticmethod
    async def reset_password(
        operation: Operation,
        input: Annotated[inputs.ResetPasswordInput, strawberry.argument(description="The token and the password.")],
    ) -> payloads.ResetPasswordPayload:
        """Have another password by the token of a letter. All sessions of the account end."""
        return face(await accounts.reset_password(operation, input.token, input.new_password))

    @root(accounts.update_profile, calls=PROFILE_CALLS)
    @staticmethod
    async def update_profile(
        operation: Operation, input: Annotated[inputs.UpdateProfileInput, strawberry.argument(description="What.")]
    ) -> payloads.UpdateProfilePayload:
        """Say how one is called and what one looks like."""
        return face(await accounts.update_profile(operation, _given(input, _PROFILE)))

    @root(accounts.upload_avatar, calls=AVATAR_CALLS)
    @staticmethod
    async def upload_avatar(
        operation: Operation, input: Annotated[inputs.UploadAvatarInput, strawberry.argument(description="The file.")]
    ) -> payloads.UploadAvatarPayload:
        """Show another picture of oneself. It is written anew: nothing of the file is kept but what it shows."""
        return face(await accounts.upload_avatar(operation, input.file.data))

    @root(accounts.update_preferences, calls=PREFERENCES_CALLS)
    @staticmethod
    async def update_preferences(
        operation: Operation,
        input: Annotated[inputs.UpdatePreferencesInput, strawberry.argument(description="What.")],
    ) -> payloads.UpdatePreferencesPayload:
        """Say how one likes it."""
        return face(await accounts.update_preferences(operation, _given(input, _PREFERENCES)))

    @root(accounts.set_user_role, calls=ROLE_CALLS, label=Label.ADMIN)
    @staticmethod
    async def set_user_role(
        operation: Operation,
        input: Annotated[inputs.SetUserRoleInput, strawberry.argument(description="Whose role, and which.")],
    ) -> payloads.SetUserRolePayload | None:
        """Give an account another role. All its sessions have it at once."""
        return face(
            await accounts.set_user_role(operation, lambda: uuid_of(input.user_id, "User"), _stored(input.role))
        )

    @root(accounts.deactivate_user, calls=ROLE_CALLS, label=Label.ADMIN)
    @staticmethod
    async def deactivate_user(
        operation: Operation,
        input: Annotated[inputs.DeactivateUserInput, strawberry.argument(description="Whose account.")],
    ) -> payloads.DeactivateUserPayload | None:
        """End an account: nobody logs in with it any more, and all its sessions end."""
        return face(await accounts.deactivate_user(operation, lambda: uuid_of(input.user_id, "User")))

    @root(accounts.set_subscription, calls=PLAN_CALLS, label=Label.ADMIN)
    @staticmethod
    async def set_subscription(
        operation: Operation,
        input: Annotated[inputs.SetSubscriptionInput, strawberry.argument(description="Whose plan, and which.")],
    ) -> payloads.SetSubscriptionPayload | None:
        """Give an account a plan."""
        renews_at = None if input.renews_at is UNSET else input.renews_at
        return face(
            await accounts.set_subscription(
                operation, lambda: uuid_of(input.user_id, "User"), _stored(input.plan), renews_at
            )
        )

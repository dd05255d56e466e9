"""What can a person do with an account? Reads are in `people`, every verb has a file of its own."""

from resolvers.accounts.change_password import change_password
from resolvers.accounts.deactivate_user import deactivate_user
from resolvers.accounts.log_in import LogIn, log_in
from resolvers.accounts.log_out import log_out
from resolvers.accounts.people import (
    UserRecord,
    by_ids,
    classrooms,
    page,
    pictures,
    preferences,
    presence,
    profiles,
    sessions,
    sessions_by_ids,
    subscriptions,
    viewer,
)
from resolvers.accounts.refresh_session import refresh_session
from resolvers.accounts.register import register
from resolvers.accounts.reset_password import request_password_reset, reset_password
from resolvers.accounts.revoke_session import revoke_session
from resolvers.accounts.set_subscription import set_subscription
from resolvers.accounts.set_user_role import set_user_role
from resolvers.accounts.update_preferences import update_preferences
from resolvers.accounts.update_profile import update_profile
from resolvers.accounts.upload_avatar import upload_avatar
from resolvers.problem import Problem

__all__ = [
    "LogIn",
    "Problem",
    "UserRecord",
    "by_ids",
    "change_password",
    "classrooms",
    "deactivate_user",
    "log_in",
    "log_out",
    "page",
    "pictures",
    "preferences",
    "presence",
    "profiles",
    "refresh_session",
    "register",
    "request_password_reset",
    "reset_password",
    "revoke_session",
    "sessions",
    "sessions_by_ids",
    "set_subscription",
    "set_user_role",
    "subscriptions",
    "update_preferences",
    "update_profile",
    "upload_avatar",
    "viewer",
]

"""Does this session still live? A token alone is not enough: its session is read for every operation."""

from __future__ import annotations

from loaders.accounts import live_session
from resolvers.access.scope import ROLES
from resolvers.errors import Unauthenticated
from resolvers.operation import Services, Viewer


async def resumed(services: Services, token: str) -> Viewer:
    """The viewer behind an access token; marks them as present. One store call. Raises Unauthenticated."""
    claims = services.tokens.verified(token)
    session = await live_session(services.stores, claims.user_id, claims.session_id, services.now())
    if session is None or session.role not in ROLES:
        raise Unauthenticated("This session has ended. Log in again.")
    # The session's role, not the token's: it follows the account within seconds.
    return Viewer(claims.user_id, session.role, claims.session_id)

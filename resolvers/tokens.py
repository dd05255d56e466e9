"""Who is this token? Access and refresh tokens, signed and verified with PyJWT."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from datetime import datetime, timedelta
from hashlib import sha256
from time import time
from typing import Final, NamedTuple
from uuid import UUID, uuid4

import jwt

from resolvers.errors import Unauthenticated

ISSUER: Final = "studygraph"
ALGORITHM: Final = "HS256"
ACCESS_LIFETIME: Final = timedelta(minutes=15)
REFRESH_LIFETIME: Final = timedelta(hours=24)
REMEMBERED_LIFETIME: Final = timedelta(days=30)
LEEWAY: Final = timedelta(seconds=30)
LONGEST_TOKEN: Final = 4096
MOST_VERIFIED: Final = 10_000


class Token(NamedTuple):
    """A signed token and when it ends."""

    text: str
    expires_at: datetime


class Claims(NamedTuple):
    """What a verified access token says."""

    user_id: UUID
    role: str
    session_id: str
    # Seconds since 1970.
    ends: float


class Tokens:
    """Signs and verifies with one secret."""

    def __init__(self, secret: str, clock: Callable[[], float] = time) -> None:
        self._secret = secret
        self._clock = clock
        # Verifying costs more than all else an operation does before its stores. What a token says never changes; its
        # session, which can end at any moment, is read every time.
        self._verified: OrderedDict[bytes, Claims] = OrderedDict()

    def access(self, user_id: UUID, role: str, session_id: str, now: datetime) -> Token:
        """A token that lets its bearer ask for 15 minutes, as long as its session lives."""
        return self._signed(user_id, session_id, "access", now, ACCESS_LIFETIME, {"role": role})

    def refresh(self, user_id: UUID, session_id: str, now: datetime, *, remember: bool) -> Token:
        """A token that makes new access tokens."""
        lifetime = REMEMBERED_LIFETIME if remember else REFRESH_LIFETIME
        return self._signed(user_id, session_id, "refresh", now, lifetime, {})

    def _signed(
        self, user_id: UUID, session_id: str, use: str, now: datetime, lifetime: timedelta, extra: dict[str, str]
    ) -> Token:
        # Whole seconds, as the claims hold them: what is told to the client is what the token says.
        ends = (now + lifetime).replace(microsecond=0)
        claims = {
            "iss": ISSUER,
            "aud": use,
            "sub": str(user_id),
            "sid": session_id,
            "iat": int(now.timestamp()),
            "exp": int(ends.timestamp()),
            "jti": uuid4().hex,
            **extra,
        }
        return Token(jwt.encode(claims, self._secret, algorithm=ALGORITHM), ends)

    def verified(self, text: str) -> Claims:
        """What an access token says. Raises Unauthenticated for anything but a good one."""
        if len(text) > LONGEST_TOKEN:
            raise Unauthenticated("This access token is not valid.")
        key = sha256(text.encode("utf-8", "surrogatepass")).digest()
        known = self._verified.get(key)
        if known is not None:
            if self._clock() < known.ends + LEEWAY.total_seconds():
                return known
            del self._verified[key]
        claims = self._checked(text)
        self._verified[key] = claims
        if len(self._verified) > MOST_VERIFIED:
            self._verified.popitem(last=False)
        return claims

    def seconds_left(self, text: str) -> float:
        """How long an access token is still taken. Raises Unauthenticated for one that is not."""
        return max(0.0, self.verified(text).ends + LEEWAY.total_seconds() - self._clock())

    def _checked(self, text: str) -> Claims:
        try:
            claims = jwt.decode(
                text,
                self._secret,
                algorithms=[ALGORITHM],
                audience="access",
                issuer=ISSUER,
                leeway=LEEWAY,
                options={"require": ["iss", "aud", "sub", "sid", "iat", "exp", "jti"]},
            )
            return Claims(UUID(claims["sub"]), str(claims["role"]), str(claims["sid"]), float(claims["exp"]))
        except jwt.ExpiredSignatureError as error:
            raise Unauthenticated("This access token has expired.") from error
        except (jwt.InvalidTokenError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise Unauthenticated("This access token is not valid.") from error

"""Who is this token? Access, refresh and reset tokens, signed and verified with PyJWT.

What a token is for stands in its audience, so that none is taken for another. Each names its key (`kid`), and a key has
one algorithm: what the token's own header says of either is compared, never followed.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from datetime import datetime, timedelta
from hashlib import sha256
from time import time
from typing import Any, Final, NamedTuple
from uuid import UUID, uuid4

import jwt

from resolvers.access.scope import ROLES
from resolvers.errors import Unauthenticated
from resolvers.signing_keys import SigningKeys, of_secret

ISSUER: Final = "studygraph"
ACCESS_LIFETIME: Final = timedelta(minutes=15)
REFRESH_LIFETIME: Final = timedelta(hours=24)
REMEMBERED_LIFETIME: Final = timedelta(days=30)
RESET_LIFETIME: Final = timedelta(hours=1)
_LONGEST: Final = ACCESS_LIFETIME.total_seconds() + 1
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


class RefreshClaims(NamedTuple):
    """What a verified refresh token says: whose session it brings back."""

    user_id: UUID
    session_id: str


class ResetClaims(NamedTuple):
    """What a verified reset token says. It changes one password: the one with this fingerprint."""

    user_id: UUID
    fingerprint: str


class TokenRefused(Exception):
    """A refresh or reset token that is not taken. `expired`: it was good once."""

    def __init__(self, *, expired: bool) -> None:
        super().__init__("This token has expired." if expired else "This token is not valid.")
        self.expired = expired


class Tokens:
    """Signs and verifies: with the keys given, else with one made from the secret."""

    def __init__(self, secret: str, clock: Callable[[], float] = time, *, keys: SigningKeys | None = None) -> None:
        self.keys = keys or of_secret(secret)
        self._clock = clock
        # Verifying costs more than all else an operation does before its stores. What a token says never changes; its
        # session, which can end at any moment, is read every time.
        self._verified: OrderedDict[bytes, Claims] = OrderedDict()

    def access(self, user_id: UUID, role: str, session_id: str, now: datetime) -> Token:
        """A token that lets its bearer ask for 15 minutes, as long as its session lives."""
        return self._signed(user_id, "access", now, now + ACCESS_LIFETIME, {"sid": session_id, "role": role})

    def refresh(self, user_id: UUID, session_id: str, now: datetime, ends: datetime) -> Token:
        """A token that makes new access tokens until its session `ends`; used once."""
        return self._signed(user_id, "refresh", now, ends, {"sid": session_id})

    def reset(self, user_id: UUID, password_hash: str, now: datetime) -> Token:
        """A token that changes the password that it was made for, within an hour; after that there is another one."""
        return self._signed(user_id, "reset", now, now + RESET_LIFETIME, {"pwd": fingerprint(password_hash)})

    def _signed(self, user_id: UUID, use: str, now: datetime, ends: datetime, extra: dict[str, str]) -> Token:
        # Whole seconds, as the claims hold them: what is told to the client is what the token says.
        ends = ends.replace(microsecond=0)
        claims = {
            "iss": ISSUER,
            "aud": use,
            "sub": str(user_id),
            "iat": int(now.timestamp()),
            "exp": int(ends.timestamp()),
            "jti": uuid4().hex,
            **extra,
        }
        key = self.keys.signing
        return Token(jwt.encode(claims, key.private, algorithm=key.algorithm, headers={"kid": key.id}), ends)

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
        claims = self._checked_access(text)
        self._verified[key] = claims
        if len(self._verified) > MOST_VERIFIED:
            self._verified.popitem(last=False)
        return claims

    def seconds_left(self, text: str) -> float:
        """How long an access token is still taken. Raises Unauthenticated for one that is not."""
        return max(0.0, self.verified(text).ends + LEEWAY.total_seconds() - self._clock())

    def refresh_claims(self, text: str) -> RefreshClaims:
        """What a refresh token says. Raises TokenRefused."""
        claims = self._checked(text, "refresh", "sid")
        return RefreshClaims(UUID(claims["sub"]), claims["sid"])

    def reset_claims(self, text: str) -> ResetClaims:
        """What a reset token says. Raises TokenRefused."""
        claims = self._checked(text, "reset", "pwd")
        return ResetClaims(UUID(claims["sub"]), claims["pwd"])

    def _checked_access(self, text: str) -> Claims:
        try:
            claims = self._checked(text, "access", "sid", "role")
        except TokenRefused as refused:
            what = "has expired" if refused.expired else "is not valid"
            raise Unauthenticated(f"This access token {what}.") from refused
        # A role that nobody has was never given by us, nor a longer life, whatever the signature says.
        if claims["role"] not in ROLES or int(claims["exp"]) - int(claims["iat"]) > _LONGEST:
            raise Unauthenticated("This access token is not valid.")
        return Claims(UUID(claims["sub"]), claims["role"], claims["sid"], float(claims["exp"]))

    def _checked(self, text: str, use: str, *texts: str) -> dict[str, Any]:
        """The claims of a token for this use, with a UUID as `sub` and texts under these names. Raises TokenRefused."""
        try:
            if len(text) > LONGEST_TOKEN:
                raise ValueError("too long")
            # KeyError: a key that we do not have, or none at all.
            key = self.keys.checking[jwt.get_unverified_header(text)["kid"]]
            claims: dict[str, Any] = jwt.decode(
                text,
                key.public,
                algorithms=[key.algorithm],
                audience=use,
                issuer=ISSUER,
                leeway=LEEWAY,
                options={"require": ["iss", "aud", "sub", "iat", "exp", "jti", *texts]},
            )
            if any(not isinstance(claims[name], str) for name in ("sub", "jti", *texts)):
                raise ValueError("not a text")
            UUID(claims["sub"])
        except jwt.ExpiredSignatureError as error:
            raise TokenRefused(expired=True) from error
        except (jwt.InvalidTokenError, ValueError, KeyError, TypeError, AttributeError, OverflowError) as error:
            raise TokenRefused(expired=False) from error
        return claims


def fingerprint(password_hash: str) -> str:
    """What tells one password's hash from another's, and nothing of either."""
    return sha256(password_hash.encode()).hexdigest()[:32]


def token_hash(text: str) -> str:
    """What is kept of a refresh token."""
    return sha256(text.encode()).hexdigest()

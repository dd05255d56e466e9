"""With which keys can others check our tokens? RFC 7517, at /.well-known/jwks.json; none where a secret signs them."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from resolvers.tokens import Tokens

LIFETIME = 300
"""Seconds for which others may keep what they read here: a new key signs from the next start on."""


class KeySet:
    """The endpoint at /.well-known/jwks.json."""

    # Set when the process is open.
    tokens: Tokens

    async def answer(self, request: Request) -> Response:
        """The public keys."""
        headers = {"cache-control": f"public, max-age={LIFETIME}"}
        return JSONResponse(self.tokens.keys.published(), headers=headers, media_type="application/jwk-set+json")

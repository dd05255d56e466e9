"""Is this worker alive, is it ready, how is it doing? For those who run it: /healthz, /readyz, /metrics.

/healthz asks no store: a process whose stores are down is not healed by starting it again. /readyz asks each of them.
PostgreSQL and Redis are what no operation can do without: without one of the two this worker is taken out of the
rotation. Any other store costs its own fields only, and would otherwise take every worker out at once.
"""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from graph.http.failures import failure

NEEDED: Final = ("postgresql", "redis")
_FRESH: Final = {"cache-control": "no-store"}


class Health:
    """The three paths. `stopping` says that this worker is about to end; `stores` and `registry` are set when the
    stores are open. `token` is what /metrics asks for."""

    stopping: asyncio.Event
    stores: Callable[[], Awaitable[Sequence[Any]]]
    registry: CollectorRegistry

    def __init__(self, *, token: str | None) -> None:
        self._token = token

    def routes(self) -> list[BaseRoute]:
        """The three paths."""
        return [
            Route("/healthz", self._alive),
            Route("/readyz", self._ready),
            Route("/metrics", self._metrics),
        ]

    async def _alive(self, request: Request) -> Response:
        return JSONResponse({"status": "ok"}, headers=_FRESH)

    async def _ready(self, request: Request) -> Response:
        if self.stopping.is_set():
            return failure("OVERLOADED", "This worker is about to end.", 503, {"retry-after": "1"})
        found = await self.stores()
        stores = {store.name: store.status for store in found}
        missing = [name for name in NEEDED if stores[name] == "down"]
        if missing:
            sentence = f"The store {missing[0]} does not answer at the moment."
            return failure("STORE_UNAVAILABLE", sentence, 503, store=missing[0], stores=stores)
        status = "ok" if all(each != "down" for each in stores.values()) else "degraded"
        return JSONResponse({"status": status, "stores": stores}, headers=_FRESH)

    async def _metrics(self, request: Request) -> Response:
        if self._token is not None:
            given = request.headers.get("authorization", "").encode("latin-1")
            if not hmac.compare_digest(given, f"Bearer {self._token}".encode()):
                sentence = "The metrics ask for their token."
                return failure("UNAUTHENTICATED", sentence, 401, {"www-authenticate": "Bearer"})
        # Hundreds of operations are thousands of lines, and some come from /proc.
        text = await asyncio.to_thread(generate_latest, self.registry)
        return Response(text, headers=_FRESH, media_type=CONTENT_TYPE_LATEST)

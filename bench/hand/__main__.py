"""Where are the endpoints by hand served? One process, one worker, by the graph's own HTTP server and event loop.

Everything it needs to know stands in the environment: the port as for the graph, and `HAND`, a JSON object with the
stores' places.
"""

from __future__ import annotations

import gc
import json
import os
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import asyncpg
import orjson
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bench.hand import best, pages
from bench.hand.desk import Desk, Places, Refused, opened
from bench.hand.front import front


def application(places: Places, owner_url: str) -> Starlette:
    """The application; its lifespan opens the stores."""
    desk: Desk
    owner: Any

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        nonlocal desk, owner
        async with AsyncExitStack() as stack:
            desk = await opened(places, stack)
            owner = await stack.enter_async_context(asyncpg.create_pool(owner_url, min_size=2, max_size=30))
            # What has been imported stays: no collection needs to look at it again.
            gc.freeze()
            yield

    async def big(request: Request) -> Response:
        return _json({"data": await pages.big(desk, request)})

    async def small(request: Request) -> Response:
        return _json({"data": await pages.small(desk, request)})

    async def front_page(request: Request) -> Response:
        return _json({"data": await front(desk, request)})

    async def best_big(request: Request) -> Response:
        user_id, _ = await desk.session(request)
        return Response(await best.big(owner, user_id), media_type="application/json")

    async def best_small(request: Request) -> Response:
        user_id, _ = await desk.session(request)
        return Response(await best.small(owner, user_id, request.query_params["id"]), media_type="application/json")

    async def refused(request: Request, error: Exception) -> Response:
        return Response(status_code=401)

    return Starlette(
        routes=[
            Route("/big", big),
            Route("/small", small),
            Route("/front", front_page),
            Route("/best/big", best_big),
            Route("/best/small", best_small),
        ],
        exception_handlers={Refused: refused},
        lifespan=lifespan,
    )


def _json(body: dict[str, Any]) -> Response:
    return Response(orjson.dumps(body), media_type="application/json")


def main() -> None:
    """Serve until a signal."""
    told: dict[str, Any] = json.loads(os.environ["HAND"])
    owner_url = told.pop("owner_url")
    places = Places(**told | {"qdrant_folder": Path(told["qdrant_folder"])})
    uvicorn.run(
        application(places, owner_url),
        host="127.0.0.1",
        port=int(os.environ["STUDYGRAPH_PORT"]),
        loop="uvloop",
        http="httptools",
        log_level="warning",
        access_log=False,
        server_header=False,
    )


if __name__ == "__main__":
    main()

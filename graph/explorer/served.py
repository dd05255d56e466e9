"""Which of the two pages does a browser get, under which policy, and where do its files come from?

The small page is always there. The full one, GraphiQL, is there once `make explorer` has built it, in a wheel that was
built after that too; the small one stays at `/graphql?page=small`.
"""

from __future__ import annotations

import asyncio
import mimetypes
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from starlette.responses import Response
from starlette.routing import BaseRoute, Mount
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from graph.explorer.page import STATIC, Template
from graph.explorer.tabs import explorer
from graph.settings import Settings

BUILT: Final = Path(__file__).parent / "built"
"""Where `make explorer` leaves the full page."""
FILES: Final = "/explorer/built/"
"""Where browsers find its files."""

_POLICY: Final = "default-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'; object-src 'none'"
# The editor of the full page writes its themes, positions and colours as style elements and attributes whose text is
# made at run time, and its squiggles and icons are pictures in data: addresses; neither runs anything. Scripts,
# workers, fonts, connections (WebSockets too) stay at 'self'.
_FULL_POLICY: Final = f"{_POLICY}; style-src 'self' 'unsafe-inline'; img-src 'self' data:"
_HEADERS: Final = {
    "content-type": "text/html; charset=utf-8",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "cross-origin-opener-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "cache-control": "no-store",
    "vary": "Accept",
}

# Not every machine's table of types has them.
for _kind in ("woff", "woff2", "ttf"):
    mimetypes.add_type(f"font/{_kind}", f".{_kind}")


class Explorer:
    """The pages of one server, as its settings want them; `built` is the full one's folder, which may come later."""

    def __init__(self, settings: Settings, built: Path = BUILT) -> None:
        self._settings = settings
        self._built = built

    async def page(self, query: Mapping[str, str]) -> tuple[dict[str, str], str] | None:
        """Headers and text of the page that a browser gets; None where there is none. `page=small` asks for that."""
        if not self._settings.shows_explorer:
            return None
        # Beside the event loop: it reads files, the demo's questions among them.
        return await asyncio.to_thread(self._made, query)

    def _made(self, query: Mapping[str, str]) -> tuple[dict[str, str], str]:
        full = self._full()
        if full is None or query.get("page") == "small":
            text = explorer(self._settings, other=None if full is None else "/graphql")
            return _HEADERS | {"content-security-policy": _POLICY}, text
        text = explorer(self._settings, full, other="/graphql?page=small")
        return _HEADERS | {"content-security-policy": _FULL_POLICY}, text

    def _full(self) -> Template | None:
        # Read anew each time, a kilobyte: it may have been built, or built again, since the start.
        try:
            text = (self._built / "index.html").read_text(encoding="utf-8")
        except OSError:
            return None
        return Template.cut(text.replace('="./', f'="{FILES}'))

    def routes(self) -> list[BaseRoute]:
        """The pages' files."""
        if not self._settings.shows_explorer:
            return []
        return [
            Mount(f"{FILES}assets", _Files(directory=self._built / "assets", check_dir=False)),
            # Whether the folders are there is asked on a thread, by the first request.
            Mount("/explorer", _Files(directory=STATIC, check_dir=False)),
        ]


class _Files(StaticFiles):
    """Files with an ETag; those whose name carries a hash of what is in them are never asked for twice."""

    _HASHED: Final = re.compile(r"-[\w-]{8}\.\w+$", re.ASCII)

    def file_response(
        self, full_path: str | os.PathLike[str], stat_result: os.stat_result, scope: Scope, status_code: int = 200
    ) -> Response:
        response = super().file_response(full_path, stat_result, scope, status_code)
        response.headers["x-content-type-options"] = "nosniff"
        # A worker obeys the policy of its own script.
        response.headers["content-security-policy"] = _POLICY
        if self._HASHED.search(os.fspath(full_path)):
            response.headers["cache-control"] = "public, max-age=31536000, immutable"
        return response

"""How many may an account have listening? Its open sockets and event streams in this process; each is watched for as
long as it is open, and ended where its session is over."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from graph.errors import RequestError
from resolvers.operation import Viewer
from resolvers.viewer_watch import Ended, ViewerWatch


class Listeners:
    """Those of this process; `most` of them an account, or a peer address where nobody has logged in."""

    def __init__(self, watch: ViewerWatch, most: int) -> None:
        self._watch = watch
        self._most = most
        self._counts: Counter[str] = Counter()

    @contextmanager
    def joined(self, viewer: Viewer | None, peer: str, ended: Ended) -> Iterator[None]:
        """While somebody listens, whose session has just been read. Raises RequestError SUBSCRIPTION_LIMIT."""
        who = f"peer {peer}" if viewer is None else f"user {viewer.user_id}"
        if self._counts[who] >= self._most:
            sentence = f"An account holds at most {self._most} sockets and streams open: close one."
            raise RequestError("SUBSCRIPTION_LIMIT", sentence, 429)
        self._counts[who] += 1
        with ExitStack() as held:
            held.callback(self._left, who)
            if viewer is not None:
                held.enter_context(self._watch.watching(viewer, ended))
            yield

    def _left(self, who: str) -> None:
        self._counts[who] -= 1
        if not self._counts[who]:
            del self._counts[who]

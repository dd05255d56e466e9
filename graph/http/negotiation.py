"""Which media type does a client want? Accept with q-values, between the two that GraphQL over HTTP knows."""

from __future__ import annotations

from functools import lru_cache
from typing import Final, Literal, NamedTuple

from graph.errors import RequestError
from graph.http.operations import Kind

JSON: Final = "application/json"
GRAPHQL_RESPONSE: Final = "application/graphql-response+json"
HTML: Final = "text/html"


@lru_cache(maxsize=256)
def response_type(accept: str | None) -> str:
    """The media type of the answer. Raises RequestError NOT_ACCEPTABLE."""
    if accept is None or not accept.strip():
        return JSON
    json, response = _weight(accept, JSON), _weight(accept, GRAPHQL_RESPONSE, wildcards=False)
    if max(json, response) <= 0:
        raise RequestError("NOT_ACCEPTABLE", f"Answers come as {GRAPHQL_RESPONSE} or {JSON}.", 406)
    # Whoever names the newer type knows it: at equal weight it is the one whose statuses say more.
    return GRAPHQL_RESPONSE if response >= json else JSON


@lru_cache(maxsize=256)
def wants_page(accept: str | None) -> bool:
    """Whether a browser asks for a page and not for data."""
    return accept is not None and _weight(accept, HTML, wildcards=False) > _weight(accept, JSON, wildcards=False)


def _weight(accept: str, kind: str, *, wildcards: bool = True) -> float:
    """The most specific range's q-value; 0 where none fits."""
    ranges = {kind: 2}
    if wildcards:
        ranges |= {kind.partition("/")[0] + "/*": 1, "*/*": 0}
    best, weight = -1, 0.0
    for each in accept.split(","):
        name, *parameters = (part.strip().lower() for part in each.split(";"))
        specificity = ranges.get(name, -1)
        if specificity > best:
            best, weight = specificity, _quality(parameters)
    return weight


def _quality(parameters: list[str]) -> float:
    for parameter in parameters:
        key, _, value = parameter.partition("=")
        if key.strip() == "q":
            try:
                return min(1.0, max(0.0, float(value)))
            except ValueError:
                return 0.0
    return 1.0


StreamType = Literal["event-stream", "multipart"]
_STREAMS: Final[dict[str, StreamType]] = {"text/event-stream": "event-stream", "multipart/mixed": "multipart"}


class Streams(NamedTuple):
    """Which responses in several parts a client takes. `events` counts only where it ranks above JSON, or where JSON is
    not named: some clients name it last in every request and read JSON alone. `parts_alone`: nothing else is taken."""

    events: bool
    parts: bool
    parts_first: bool
    parts_alone: bool

    def way(self, kind: Kind) -> StreamType | None:
        """How an operation of this kind is answered; None: by one body."""
        if kind == "subscription" or kind == "incremental":
            return "multipart" if self.parts and (self.parts_first or not self.events) else self._events()
        return "multipart" if self.parts_alone else self._events()

    def _events(self) -> StreamType | None:
        return "event-stream" if self.events else None


@lru_cache(maxsize=256)
def streams(accept: str | None) -> Streams | None:
    """The streams that a client takes; None where it names none."""
    weights: dict[str, float] = {}
    for each in (accept or "").split(","):
        name, *parameters = (part.strip().lower() for part in each.split(";"))
        weights.setdefault(name, _quality(parameters))
    # Better ones first: by weight, then by their order.
    ranked = sorted((name for name in weights if weights[name] > 0), key=lambda name: -weights[name])
    if not _STREAMS.keys() & set(ranked):
        return None
    best_json = next((place for place, name in enumerate(ranked) if name in (JSON, GRAPHQL_RESPONSE)), len(ranked))
    places = {_STREAMS[name]: place for place, name in enumerate(ranked) if name in _STREAMS}
    nowhere = len(ranked)
    events, parts = places.get("event-stream", nowhere), places.get("multipart", nowhere)
    takes_json = best_json < nowhere or not {"*/*", "application/*"}.isdisjoint(ranked)
    return Streams(
        events=events < best_json,
        parts=parts < nowhere,
        parts_first=parts < events,
        parts_alone=parts < nowhere and events == nowhere and not takes_json,
    )

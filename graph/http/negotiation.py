"""Which media type does a client want? Accept with q-values, between the two that GraphQL over HTTP knows."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from graph.errors import RequestError

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

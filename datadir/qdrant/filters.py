"""How is a question in `qdrant_client.models` said to the embedded engine?

`qdrant_edge` has the same words as classes of its own. What we do not use (geo, vectors by name, prefetch, fusion) is
refused with a sentence instead of being dropped: a filter that loses a condition shows too much.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, datetime
from typing import Any

import qdrant_edge as edge

from datadir.errors import StoreError
from datadir.names import StoreName
from datadir.qdrant import models


def refused(what: object) -> StoreError:
    """The error for a word that the embedded engine is not asked with."""
    return StoreError(StoreName.QDRANT, f"the embedded vector store does not take {type(what).__name__}")


def edge_request(request: models.QueryRequest) -> edge.QueryRequest:
    """The same search for the embedded engine.

    Raises `StoreError` for anything but nearest neighbours of one given vector.
    """
    vector = request.query.nearest if isinstance(request.query, models.NearestQuery) else request.query
    if not isinstance(vector, list):
        raise refused(vector)
    for unused in (request.prefetch, request.lookup_from, request.using, request.params):
        if unused is not None:
            raise refused(unused)
    payload: Any = request.with_payload or False
    if isinstance(payload, models.PayloadSelectorInclude):
        payload = edge.PayloadSelector.Include(payload.include)
    elif isinstance(payload, models.PayloadSelectorExclude):
        payload = edge.PayloadSelector.Exclude(payload.exclude)
    return edge.QueryRequest(
        query=edge.Query.Nearest(vector),
        filter=edge_filter(request.filter),
        limit=10 if request.limit is None else request.limit,
        offset=request.offset or 0,
        score_threshold=request.score_threshold,
        with_payload=payload,
    )


def edge_filter(filter: models.Filter | None) -> edge.Filter | None:
    """The same filter for the embedded engine; None stays None.

    Raises `StoreError` where a condition has no counterpart here.
    """
    if filter is None:
        return None
    least = None
    if filter.min_should is not None:
        least = edge.MinShould(_conditions(filter.min_should.conditions) or [], filter.min_should.min_count)
    return edge.Filter(
        must=_conditions(filter.must),
        should=_conditions(filter.should),
        must_not=_conditions(filter.must_not),
        min_should=least,
    )


def _conditions(given: Sequence[models.Condition] | models.Condition | None) -> list[Any] | None:
    if given is None:
        return None
    return [_condition(one) for one in (given if isinstance(given, list) else [given])]


def _condition(condition: Any) -> Any:
    match condition:
        case models.FieldCondition():
            return _field(condition)
        case models.Filter():
            return edge_filter(condition)
        case models.IsEmptyCondition():
            return edge.IsEmptyCondition(condition.is_empty.key)
        case models.IsNullCondition():
            return edge.IsNullCondition(condition.is_null.key)
        case models.HasIdCondition():
            return edge.HasIdCondition(set(condition.has_id))
        case models.NestedCondition():
            nested = edge_filter(condition.nested.filter)
            assert nested is not None
            return edge.NestedCondition(condition.nested.key, nested)
    raise refused(condition)


MATCHES: dict[type, Callable[[Any], Any]] = {
    models.MatchValue: lambda match: edge.MatchValue(match.value),
    models.MatchAny: lambda match: edge.MatchAny(list(match.any)),
    models.MatchExcept: lambda match: edge.MatchExcept(list(match.except_)),
    models.MatchText: lambda match: edge.MatchText(match.text),
    models.MatchTextAny: lambda match: edge.MatchTextAny(match.text_any),
    models.MatchPhrase: lambda match: edge.MatchPhrase(match.phrase),
}


def _field(condition: models.FieldCondition) -> edge.FieldCondition:
    for place in (condition.geo_bounding_box, condition.geo_radius, condition.geo_polygon):
        if place is not None:
            raise refused(place)
    match, amount = condition.match, None
    if condition.values_count is not None:
        asked = condition.values_count
        amount = edge.ValuesCount(lt=asked.lt, gt=asked.gt, lte=asked.lte, gte=asked.gte)
    if match is not None and type(match) not in MATCHES:
        raise refused(match)
    return edge.FieldCondition(
        key=condition.key,
        match=None if match is None else MATCHES[type(match)](match),
        range=_range(condition.range),
        values_count=amount,
        is_empty=condition.is_empty,
        is_null=condition.is_null,
    )


def _range(given: models.Range | models.DatetimeRange | None) -> edge.RangeFloat | edge.RangeDateTime | None:
    if given is None:
        return None
    if isinstance(given, models.Range):
        return edge.RangeFloat(gte=given.gte, gt=given.gt, lte=given.lte, lt=given.lt)
    return edge.RangeDateTime(
        gte=_moment(given.gte), gt=_moment(given.gt), lte=_moment(given.lte), lt=_moment(given.lt)
    )


def _moment(given: datetime | date | None) -> str | None:
    return None if given is None else given.isoformat()

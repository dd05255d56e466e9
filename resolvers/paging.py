"""Which part of a list may be asked for? The bounds of pages, orders and filters, the same for every list."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from loaders.filter import Condition, Test
from loaders.meetings import SegmentPage
from loaders.page import DEFAULT_PAGE, LARGEST_PAGE, Order, Page, PageRequest
from loaders.page import totals as counted
from resolvers.degrading import degrades_with
from resolvers.errors import BadUserInput, PageSize
from resolvers.operation import Operation

__all__ = ["Condition", "Order", "Page", "PageRequest", "Test", "bounded", "request", "totals"]

LARGEST_FILTER = 50
LONGEST_ORDER = 3


def request(
    first: int | None,
    after: str | None,
    last: int | None,
    before: str | None,
    order: Sequence[tuple[str, bool]] = (),
    where: Condition | None = None,
) -> PageRequest:
    """A page within bounds. Raises PageSize, BadUserInput."""
    size = page_size(first, last)
    columns = [column for column, _ in order]
    if len(columns) > LONGEST_ORDER or len(set(columns)) < len(columns):
        raise BadUserInput(f"orderBy takes at most {LONGEST_ORDER} different fields.")
    return PageRequest(
        size=size,
        backward=last is not None,
        after=after,
        before=before,
        order=tuple(Order(column, descending) for column, descending in order),
        where=where,
    )


def page_size(first: int | None, last: int | None) -> int:
    """How many records a page holds. Raises PageSize."""
    if first is not None and last is not None:
        raise PageSize("Ask with `first` or with `last`, not with both.")
    size = first if first is not None else last
    if size is None:
        return DEFAULT_PAGE
    if not 1 <= size <= LARGEST_PAGE:
        name = "first" if first is not None else "last"
        raise PageSize(f"`{name}` is {size}; a page holds 1 to {LARGEST_PAGE} records.")
    return size


def bounded(condition: Condition) -> Condition:
    """The same condition, if it is not excessive. Raises BadUserInput."""
    if _tests(condition) > LARGEST_FILTER:
        raise BadUserInput(f"A filter makes at most {LARGEST_FILTER} comparisons.")
    return condition


def _tests(condition: Condition) -> int:
    below = (*condition.all_of, *condition.any_of, *condition.none_of)
    values = sum(len(test.value) if isinstance(test.value, list) else 1 for test in condition.tests)
    # An empty condition counts too: thousands of them are as much work.
    return max(1, values + sum(map(_tests, below)))


@degrades_with(counted)
async def totals(operation: Operation, pages: Sequence[Page[Any] | SegmentPage]) -> list[int]:
    """How many records each page's whole list has."""
    counts = {id(page): page.total for page in pages if isinstance(page, SegmentPage)}
    stored = [page for page in pages if isinstance(page, Page)]
    if stored:
        counts.update(
            (id(page), total) for page, total in zip(stored, await counted(operation.loaders, stored), strict=True)
        )
    return [counts[id(page)] for page in pages]

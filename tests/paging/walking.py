"""How is a list walked? Page by page, several orders of it side by side in one request."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.paging.model import Window
from tests.running_school import RunningSchool

PAGE = "{ edges { cursor node { id } } nodes { id } pageInfo { hasNextPage hasPreviousPage startCursor endCursor } }"


@dataclass(frozen=True)
class List:
    """A list of the graph: what stands before it in a query, its name, its further arguments."""

    parent: str
    name: str
    variables: dict[str, Any] = field(default_factory=dict)
    order: str | None = None

    def query(self, count: int) -> str:
        """A query of `count` pages of it, each with its own cursors and order."""
        declared = "".join(f"${name}: {kind}, " for name, kind in self._types().items())
        pages = []
        for n in range(count):
            declared += f"$first{n}: Int, $last{n}: Int, $after{n}: String, $before{n}: String, "
            arguments = f"first: $first{n}, last: $last{n}, after: $after{n}, before: $before{n}"
            if self.order is not None:
                declared += f"$order{n}: [{self.order}!], "
                arguments += f", orderBy: $order{n}"
            pages.append(f"w{n}: {self.name}({arguments}) {PAGE}")
        closing = "}" * (self.parent.count("{") + 1)
        return f"query ({declared}) {{ {self.parent} {{ {' '.join(pages)} }} {closing}"

    def _types(self) -> dict[str, str]:
        return dict.fromkeys(self.variables, "ID!")


@dataclass
class Walk:
    """One way through a list: its order, its direction, and what was met."""

    order: list[dict[str, str]]
    backward: bool = False
    met: list[str] = field(default_factory=list)
    cursor: str | None = None
    done: bool = False

    def asked(self, n: int, size: int) -> dict[str, Any]:
        """The variables of the next page."""
        sizes = {f"last{n}" if self.backward else f"first{n}": size}
        if self.cursor is not None:
            sizes[f"before{n}" if self.backward else f"after{n}"] = self.cursor
        return {**sizes, f"order{n}": self.order}

    def take(self, page: dict[str, Any], size: int) -> None:
        """Check one page against itself and go on."""
        if self.done:
            return
        found = [node["id"] for node in page["nodes"]]
        cursors = [edge["cursor"] for edge in page["edges"]]
        info = page["pageInfo"]
        assert [edge["node"]["id"] for edge in page["edges"]] == found
        assert (info["startCursor"], info["endCursor"]) == ((cursors[0], cursors[-1]) if cursors else (None, None))
        on, back = ("hasPreviousPage", "hasNextPage") if self.backward else ("hasNextPage", "hasPreviousPage")
        assert info[back] is (self.cursor is not None and bool(found))
        assert len(found) == size or not info[on]
        self.met = found + self.met if self.backward else self.met + found
        self.cursor = info["startCursor"] if self.backward else info["endCursor"]
        self.done = not info[on]


def below(answer: dict[str, Any]) -> dict[str, Any]:
    """The pages of an answer, whatever stands above them."""
    assert "errors" not in answer, answer["errors"]
    data = answer["data"]
    while "w0" not in data:
        (data,) = data.values()
    found: dict[str, Any] = data
    return found


async def opened(
    school: RunningSchool,
    listed: List,
    windows: Sequence[Window],
    cursors: Sequence[str],
    order: Sequence[dict[str, str]] = (),
) -> list[list[str]]:
    """The ids in each window of a list; `cursors` are those of all its rows."""
    variables: dict[str, Any] = dict(listed.variables)
    for n, window in enumerate(windows):
        variables[f"{'last' if window.backward else 'first'}{n}"] = window.size
        variables[f"after{n}"] = None if window.after is None else cursors[window.after]
        variables[f"before{n}"] = None if window.before is None else cursors[window.before]
        if listed.order is not None:
            variables[f"order{n}"] = list(order)
    pages = below(await school.ask(listed.query(len(windows)), variables, "admin"))
    return [[node["id"] for node in pages[f"w{n}"]["nodes"]] for n in range(len(windows))]


async def walked(school: RunningSchool, listed: List, walks: Sequence[Walk], size: int) -> None:
    """Walk all ways to their ends in pages of one size."""
    query = listed.query(len(walks))
    for _ in range(200):
        variables = dict(listed.variables)
        for n, walk in enumerate(walks):
            variables |= walk.asked(n, size)
        if listed.order is None:
            variables = {name: value for name, value in variables.items() if not name.startswith("order")}
        pages = below(await school.ask(query, variables, "admin"))
        for n, walk in enumerate(walks):
            walk.take(pages[f"w{n}"], size)
        if all(walk.done for walk in walks):
            return
    raise AssertionError("the list does not end")

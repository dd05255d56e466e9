"""Which questions wait in the explorer? The contract's operations that run on demo data, the front page first."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Final

from graph.explorer.page import DemoHints, Tab, Template, page
from graph.ids import encode
from graph.settings import Settings
from resolvers.demo.roster import PASSWORD

OPERATIONS: Final = Path(__file__).parent / "operations"
WHO_AM_I: Final = Tab("Who am I?", "query WhoAmI {\n  viewer {\n    id\n    name\n    role\n  }\n}\n")
"""What runs on any data."""


def demo_ids(size: int = 1) -> dict[str, str]:
    """The global ids of the demo school's named records; a join code is a plain text."""
    # The demo brings SQLModel's tables along: a start without it does not pay for them, and one with it only later.
    from resolvers.demo.named import named

    return {name: each if isinstance(each, str) else encode(*each) for name, each in named(size).ids.items()}


def demo_hints(size: int = 1) -> DemoHints:
    """What a newcomer may know about the demo school."""
    from resolvers.demo.named import named

    return DemoHints(PASSWORD, named(size).accounts, demo_ids(size))


@cache
def tabs() -> tuple[Tab, ...]:
    """The prepared questions."""
    ids = demo_ids()

    def tab(name: str, file: str, variables: dict[str, object], account: str | None) -> Tab:
        return Tab(name, (OPERATIONS / file).read_text(encoding="utf-8"), variables, account)

    search = "How do plants turn light into energy?"
    return (
        tab("Front page", "front-page.graphql", {"id": ids["classroom"], "search": search, "members": 20}, "teacher"),
        tab("My classrooms", "classrooms.graphql", {"first": 10}, "teacher"),
        tab(
            "Any record by id",
            "refetch.graphql",
            {"id": ids["classroom"], "ids": [ids["classroom"], ids["teacher"]]},
            "teacher",
        ),
        tab("The stores", "stores.graphql", {}, "admin"),
    )


def explorer(settings: Settings, template: Template | None = None, other: str | None = None) -> str:
    """The page at /graphql: the small one, or the full one around whose configuration `template` goes; `other` is where
    the other one is."""
    questions: tuple[Tab, ...] = (WHO_AM_I,)
    hints = None
    if settings.demo:
        questions, hints = tabs(), demo_hints(settings.demo_size)
    return page(
        endpoint="/graphql",
        production=settings.production,
        demo=hints,
        tabs=questions,
        template=template,
        other=other,
    )

"""What does a browser see that opens the endpoint? The explorer: one page of our own that asks the graph questions."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Self

STATIC = Path(__file__).parent / "static"
"""Scripts, styles and the icon; served as they lie there under `/explorer/`."""

_TEMPLATE = Path(__file__).parent / "page.html"
_PLACE = "{{config}}"

# A browser ends the block at the first "</script", whatever the JSON says, and older ones read U+2028 as a line end.
_UNSAFE = str.maketrans(
    {"<": r"\u003c", ">": r"\u003e", "&": r"\u0026", "\u2028": r"\u2028", "\u2029": r"\u2029"},
)


@dataclass(frozen=True, slots=True)
class DemoHints:
    """What a newcomer may know about the demo school.

    `accounts` maps a short name (`teacher`) to an e-mail address, `ids` a thing's name (`classroom`) to its global id;
    `password` opens all of the accounts. Public by design, and refused by `page` in production.
    """

    password: str
    accounts: Mapping[str, str]
    ids: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Tab:
    """One prepared question: its name, its document, its variables (JSON values).

    `as_account` names the demo account that the page logs in when nobody is signed in; None sends it as it is.
    """

    name: str
    query: str
    variables: Mapping[str, Any] = field(default_factory=dict)
    as_account: str | None = None


@dataclass(frozen=True, slots=True)
class Template:
    """A page around its configuration."""

    before: str
    after: str

    @classmethod
    def cut(cls, text: str) -> Self:
        """Raises ValueError for a text without a place for the configuration."""
        before, found, after = text.partition(_PLACE)
        if not found:
            raise ValueError(f"The page has lost its {_PLACE}")
        return cls(before, after)


@cache
def _small() -> Template:
    return Template.cut(_TEMPLATE.read_text(encoding="utf-8"))


def page(
    *,
    endpoint: str,
    production: bool,
    demo: DemoHints | None,
    tabs: Sequence[Tab],
    template: Template | None = None,
    other: str | None = None,
) -> str:
    """The page as HTML text (UTF-8), with its configuration as an inert JSON block: no inline script, style or handler,
    so that `Content-Security-Policy: default-src 'self'` holds.

    `endpoint` is the path (or same-origin address) that answers GraphQL by POST; `tabs` keep their order, the first
    is open. `template` is the full page where it is not the small one; `other` is where the other of the two is, None
    where this one is alone. Raises ValueError for demo accounts in production, for two tabs of one name, and for a tab
    that names an account which the demo does not have, or variables that JSON cannot hold (NaN).
    """
    if production and demo is not None:
        raise ValueError("Demo accounts are never shown in production.")
    names = [tab.name for tab in tabs]
    if len(set(names)) != len(names):
        raise ValueError("Two tabs have the same name; the page remembers a tab's text by its name.")
    for tab in tabs:
        if demo is not None and tab.as_account is not None and tab.as_account not in demo.accounts:
            raise ValueError(f"The tab {tab.name!r} asks for the account {tab.as_account!r}, which the demo lacks.")

    config = {
        "endpoint": endpoint,
        "production": production,
        "other": other,
        "demo": None
        if demo is None
        else {"password": demo.password, "accounts": dict(demo.accounts), "ids": dict(demo.ids)},
        "tabs": [
            {"name": tab.name, "query": tab.query, "variables": dict(tab.variables), "as": tab.as_account}
            for tab in tabs
        ],
    }
    around = template or _small()
    written = json.dumps(config, ensure_ascii=False, allow_nan=False).translate(_UNSAFE)
    return around.before + written + around.after

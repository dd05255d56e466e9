"""How much may each role ask for? The numbers of `docs/limits.md`, as the settings have them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar

from resolvers.rate import ANY, Rate, rate

if TYPE_CHECKING:
    from graph.settings import Settings

ANONYMOUS: Final = "anonymous"
ROLES: Final = (ANONYMOUS, "student", "teacher", "admin", "service")
_WRITTEN: Final = re.compile(r"(\d{1,9})((?: +[a-z]+=\d{1,9})*)")
_RATES: Final = re.compile(r"([^ =]+)((?: +[a-z]+=[^ =]+)*)")
Limit = TypeVar("Limit")


@dataclass(frozen=True, slots=True)
class PerRole(Generic[Limit]):
    """One limit for everybody, and those of roles that have their own: `10`, `10 admin=20 service=50`."""

    everybody: Limit
    others: tuple[tuple[str, Limit], ...] = ()

    def of(self, role: str) -> Limit:
        """This role's limit."""
        return dict(self.others).get(role, self.everybody)

    def __str__(self) -> str:
        return " ".join([str(self.everybody), *(f"{role}={number}" for role, number in self.others)])


def read(written: Any) -> PerRole[int]:
    """A setting's text. Raises ValueError with what it must be."""
    if isinstance(written, PerRole):
        return written
    found = _WRITTEN.fullmatch(str(written).strip())
    others = re.findall(r"([a-z]+)=(\d+)", found[2]) if found else []
    if found is None or any(role not in ROLES for role, _ in others):
        raise ValueError("must be a whole number, and after it those of roles that have their own, as 10 admin=20")
    return PerRole(int(found[1]), tuple((role, int(number)) for role, number in others))


def read_rates(written: Any) -> PerRole[Rate]:
    """The same of a setting whose limits are rates."""
    if isinstance(written, PerRole):
        return written
    found = _RATES.fullmatch(str(written).strip())
    others = [each.split("=") for each in found[2].split()] if found else []
    if found is None or any(role not in ROLES for role, _ in others):
        raise ValueError("must be a rate, as 10/minute, and after it those of roles that have their own")
    return PerRole(rate(found[1]), tuple((role, rate(text)) for role, text in others))


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits of one role."""

    tokens: int
    depth: int
    introspection_depth: int
    aliases: int
    root_fields: int
    selections: int
    merges: int
    directives: int
    operations: int
    errors: int
    page: int
    nodes: int
    list: int
    events: int
    embedding: int
    variables: int
    values: int
    value_depth: int
    cost: int
    budget: int
    rate: Rate


def by_role(settings: Settings) -> Mapping[str, Limits]:
    """The limits of every role."""
    return {
        role: Limits(**{each.name: getattr(settings, f"limit_{each.name}").of(role) for each in fields(Limits)})
        for role in ROLES
    }


def loosest(limits: Mapping[str, Limits]) -> Limits:
    """What no role may exceed: a document is judged by it before anybody knows whose it is."""
    return Limits(**{each.name: max(getattr(one, each.name) for one in limits.values()) for each in fields(Limits)})


AMPLE: Final = Limits(
    tokens=2_000,
    depth=50,
    introspection_depth=50,
    aliases=100_000,
    root_fields=100_000,
    selections=100_000,
    merges=10**9,
    directives=2_000,
    operations=1_000,
    errors=20,
    page=100,
    nodes=10**9,
    list=2_000,
    events=2_000,
    embedding=2_000,
    variables=2_000,
    values=10**6,
    value_depth=30,
    cost=10**9,
    budget=0,
    rate=ANY,
)
"""What documents of this process may ask for that come from no client: what the program bears, and no less."""

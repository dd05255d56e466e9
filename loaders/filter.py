"""Which rows of a list? Conditions as data, compiled to SQL with bound values.

A condition names public fields and operators; `filters` of a listing maps each field to its SQL expression and type.
A field that is not in the map cannot be filtered by, whatever was sent.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Test:
    """One comparison: `field`, operator (eq, in, contains, startsWith, lt, lte, gt, gte, isNull), value."""

    field: str
    operator: str
    value: Any

    __test__ = False


@dataclass(frozen=True, slots=True)
class Condition:
    """All of `tests` and `all_of`, one of each list in `any_of`, none of `none_of`."""

    tests: tuple[Test, ...] = ()
    all_of: tuple[Condition, ...] = ()
    any_of: tuple[Condition, ...] = ()
    none_of: tuple[Condition, ...] = field(default=())


_COMPARE = {"eq": "=", "lt": "<", "lte": "<=", "gt": ">", "gte": ">="}


def compiled(condition: Condition | None, fields: Mapping[str, tuple[str, str]]) -> tuple[str, list[Any]]:
    """SQL with `$?` for each bound value, and the values. Empty for no condition."""
    if condition is None:
        return "", []
    args: list[Any] = []
    return _condition(condition, fields, args), args


def _condition(condition: Condition, fields: Mapping[str, tuple[str, str]], args: list[Any]) -> str:
    parts = [_test(test, fields, args) for test in condition.tests]
    parts += [_condition(each, fields, args) for each in condition.all_of]
    if condition.any_of:
        parts.append("(" + " or ".join(_condition(each, fields, args) for each in condition.any_of) + ")")
    parts += [f"not coalesce({_condition(each, fields, args)}, false)" for each in condition.none_of]
    return "(" + " and ".join(part for part in parts if part) + ")" if parts else "true"


def _test(test: Test, fields: Mapping[str, tuple[str, str]], args: list[Any]) -> str:
    sql, kind = fields[test.field]
    if test.operator == "isNull":
        return f"{sql} is null" if test.value else f"{sql} is not null"
    if kind.endswith("[]"):
        # A column of many: one of them must be the value.
        args.append(list(test.value) if test.operator == "in" else [test.value])
        return f"{sql} && $?::{kind}"
    if test.operator == "in":
        args.append(list(test.value))
        return f"{sql} = any($?::{kind}[])"
    if test.operator in ("contains", "startsWith"):
        # Case-insensitive, and the value is text: its % and _ mean themselves.
        literal = str(test.value).replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
        args.append(f"%{literal}%" if test.operator == "contains" else f"{literal}%")
        return f"{sql} ilike $?::text"
    args.append(test.value)
    return f"{sql} {_COMPARE[test.operator]} $?::{kind}"

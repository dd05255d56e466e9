"""How much may be asked for? One setting for each limit: a number for everybody, and those of roles with their own.

Each field's description is its row in `docs/settings.md`; what a limit counts, and which code refuses, is in
`docs/limits.md`.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field, PlainValidator
from pydantic_settings import BaseSettings, NoDecode

from graph.limits.bounds import PerRole, read, read_rates
from resolvers.rate import Rate

Limit = Annotated[PerRole[int], NoDecode, PlainValidator(read)]
RateLimit = Annotated[PerRole[Rate], NoDecode, PlainValidator(read_rates)]


def _limit(default: str, description: str) -> Any:
    return Field(read(default), description=description)


class LimitsSettings(BaseSettings):
    """The part of `Settings` that is about limits."""

    limit_tokens: Limit = _limit("2000", "Words and signs of a document.")
    limit_depth: Limit = _limit("10", "Levels of fields.")
    limit_introspection_depth: Limit = _limit("20", "Levels of fields from `__schema` or `__type` on.")
    limit_aliases: Limit = _limit("15", "Fields with an alias, after fragments.")
    limit_root_fields: Limit = _limit("20", "Fields of an operation's first level, after fragments.")
    limit_selections: Limit = _limit("500", "Fields and fragments of an operation, after fragments.")
    limit_merges: Limit = _limit("2000", "Pairs of fields of a document that answer under one key.")
    limit_directives: Limit = _limit("20", "Directives at one place.")
    limit_operations: Limit = _limit("5", "Operations of a document.")
    limit_errors: Limit = _limit("20", "Errors of a document or of variables that are told.")
    limit_page: Limit = _limit("100", "Records of a page, 100 at most.")
    limit_nodes: Limit = _limit("10000", "Records of all pages, each page as often as the records above it.")
    limit_list: Limit = _limit("250", "Items of a list that is given.")
    limit_events: Limit = _limit("500", "Items of a list of `events`.")
    limit_embedding: Limit = _limit("1536", "Items of an `embedding`.")
    limit_variables: Limit = _limit("50", "Variables of an operation.")
    limit_values: Limit = _limit("20000", "Values in all variables together.")
    limit_value_depth: Limit = _limit("15", "Levels of lists and objects in a variable.")
    limit_cost: Limit = _limit("20000", "The cost of an operation.")
    limit_budget: Limit = _limit(
        "300000 teacher=600000 admin=1000000 service=2000000", "The cost of a person's operations in a minute; 0: any."
    )
    limit_rate: RateLimit = Field(
        PerRole(Rate(600), (("teacher", Rate(1_200)), ("admin", Rate(1_200)), ("service", Rate(6_000)))),
        description="How often a person may ask; 0/minute: as often as they like.",
    )

"""Which kinds of columns do the tables share? UUID keys, times with their zone, references, vectors."""

from __future__ import annotations

from typing import Any, Final, cast
from uuid import uuid4

import sqlalchemy
from sqlalchemy import DateTime, Text, text
from sqlalchemy.dialects.postgresql import ARRAY, REAL
from sqlalchemy.dialects.postgresql.base import ischema_names
from sqlalchemy.sql.expression import BindParameter, ColumnElement
from sqlalchemy.types import UserDefinedType
from sqlmodel import Field

EMBEDDING: Final = 1536
"""How many numbers an embedding has that a caller brings along."""


class Vector(UserDefinedType[list[float]]):
    """pgvector's column of so many numbers. They travel as `real[]`, which the extension casts both ways and which is
    the column's own type on a server without the extension: one statement serves both."""

    cache_ok = True

    def __init__(self, dimensions: int | str) -> None:
        self.dimensions = int(dimensions)

    def get_col_spec(self, **kw: Any) -> str:
        return f"vector({self.dimensions})"

    def bind_expression(self, bindvalue: BindParameter[list[float]]) -> ColumnElement[Any]:
        return sqlalchemy.cast(bindvalue, ARRAY(REAL))

    def column_expression(self, column: ColumnElement[Any]) -> ColumnElement[Any]:
        return sqlalchemy.cast(column, ARRAY(REAL))


# Whoever reads a database's columns back finds what they are.
ischema_names["vector"] = Vector


def identity() -> Any:
    """The key: a UUID, ours or the database's."""
    return Field(
        default_factory=uuid4, primary_key=True, sa_column_kwargs={"server_default": text("gen_random_uuid()")}
    )


def now() -> Any:
    """A time that the database fills in."""
    return Field(
        default=None,
        nullable=False,
        sa_type=cast("Any", DateTime(timezone=True)),
        sa_column_kwargs={"server_default": text("now()")},
    )


def moment(*, nullable: bool = True) -> Any:
    """A time with its zone."""
    return Field(default=None, nullable=nullable, sa_type=cast("Any", DateTime(timezone=True)))


def long_text(*, nullable: bool = True) -> Any:
    """Text without a limit of the column's."""
    return Field(default=None, nullable=nullable, sa_type=Text)


def word(default: str, length: int = 20) -> Any:
    """One of a few words, `default` where none is said. Text and not an enum: an enum's words cannot be taken back,
    and a new one stands in no transaction."""
    return Field(default=default, max_length=length, sa_column_kwargs={"server_default": default})


def flag(default: bool) -> Any:
    """True or false, `default` where neither is said."""
    return Field(default=default, sa_column_kwargs={"server_default": text(str(default).lower())})


def number(default: int) -> Any:
    """A whole number, `default` where none is said."""
    return Field(default=default, sa_column_kwargs={"server_default": text(str(default))})


def reference(column: str, *, cascade: bool = False, nullable: bool = False) -> Any:
    """A foreign key; with `cascade` the row goes with what it belongs to."""
    if cascade:
        return Field(default=None, nullable=nullable, foreign_key=column, ondelete="CASCADE")
    return Field(default=None, nullable=nullable, foreign_key=column)


def only(column: str) -> Any:
    """The key of a row of which each parent has at most one: the parent's own id."""
    return Field(default=None, primary_key=True, nullable=False, foreign_key=column, ondelete="CASCADE")

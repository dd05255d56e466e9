"""What is a row, above the driver? asyncpg's own record, its columns readable by name and by position.

A record class is declared in `loaders/` as annotations; asyncpg fills it (`record_class`), so no row is copied into a
second shape. Reading a column costs one C call; a compiled plan reads it by its position.
"""

from __future__ import annotations

from inspect import get_annotations
from operator import itemgetter
from typing import Any, ClassVar

from asyncpg import Record


class Row(Record):
    """Base of all records of PostgreSQL: `columns` are the annotated names, in the order of the select list.

    A subclass writes `__slots__ = ()` and one annotation per selected column.
    """

    __slots__ = ()
    columns: ClassVar[tuple[str, ...]] = ()

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        names = [name for name, kind in get_annotations(cls).items() if not str(kind).startswith("ClassVar")]
        cls.columns = (*cls.columns, *names)
        for position, name in enumerate(cls.columns):
            setattr(cls, name, property(itemgetter(position)))

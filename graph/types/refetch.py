"""How is any record fetched again by its id? `node` and `nodes`, through the same doors as everywhere."""

import asyncio
from collections import defaultdict
from typing import Annotated, Any

import strawberry

from graph.execution.edge import NO_CALLS, face, root
from graph.ids import decode
from graph.types.node import Node
from resolvers.degrading import Degrades, degrades
from resolvers.errors import NotFound
from resolvers.operation import Operation


@degrades(Degrades.NULL)  # each type's read on its own: see `read`
async def by_global_ids(operation: Operation, ids: list[strawberry.ID]) -> list[Any]:
    """The records of these ids in their order, NotFound in place of each that is not to be had. One read a type."""
    faces = {kind.__name__: kind for kind in Node.__subclasses__()}
    wanted: dict[str, dict[Any, list[int]]] = defaultdict(lambda: defaultdict(list))
    found: list[Any] = [NotFound() for _ in ids]
    for position, text in enumerate(ids):
        try:
            node = decode(text)
            wanted[node.type_name][faces[node.type_name].key(node.key)].append(position)
        except (NotFound, KeyError, ValueError):
            continue

    async def read(name: str, positions: dict[Any, list[int]]) -> None:
        try:
            records = await faces[name].by_keys(operation, list(positions))
        except Exception as error:
            records = [error] * len(positions)
        for record, places in zip(records, positions.values(), strict=True):
            for place in places:
                found[place] = record if record is not None else found[place]

    await asyncio.gather(*(read(name, positions) for name, positions in wanted.items()))
    return found


@strawberry.type
class RefetchQueries:
    """Root fields that take any id."""

    @root(by_global_ids, calls=NO_CALLS)
    @staticmethod
    async def node(
        operation: Operation, id: Annotated[strawberry.ID, strawberry.argument(description="Any record's id.")]
    ) -> Node | None:
        """Any record by its id."""
        found = (await by_global_ids(operation, [id]))[0]
        if isinstance(found, Exception):
            raise found
        return face(found)

    @root(by_global_ids, calls=NO_CALLS, many=("ids",))
    @staticmethod
    async def nodes(
        operation: Operation,
        ids: Annotated[list[strawberry.ID], strawberry.argument(description="At most 250 ids.")],
    ) -> list[Node | None]:
        """Any records by their ids, in the order of the ids; null for each that is not to be had."""
        return face(await by_global_ids(operation, ids))

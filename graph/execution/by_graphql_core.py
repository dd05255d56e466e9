"""How do edges run under graphql-core? aiodataloader collects the parents of one document path.

A loader lives for one operation and one path of its document: nothing is cached, nothing crosses paths, so that the
store calls are a function of the document and never of the data.
"""

from __future__ import annotations

import inspect
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from typing import Any, Final

import strawberry
from aiodataloader import DataLoader
from graphql import GraphQLResolveInfo, MiddlewareManager, OperationType
from graphql.error import located_error
from graphql.pyutils import Path

from graph.context import Context
from graph.execution.edge import Edge, Leaf, Root, Stream, answered, run
from graph.execution.included import included_requests
from graph.ids import encode
from resolvers.errors import Forbidden
from resolvers.operation import Operation


def leaf_resolver(spec: Leaf) -> Callable[..., Any]:
    """A leaf that is computed from the record, or that not everyone may read."""

    def resolve(root: Any, info: strawberry.Info[Context, Any]) -> Any:
        if spec.door is not None and not spec.door(info.context.operation.scope, [root])[0]:
            raise Forbidden
        return spec.read(root) if spec.read is not None else getattr(root, info.python_name)

    return resolve


def identity_resolver(root: Any, info: strawberry.Info[Context, Any]) -> str:
    """The global id of a record."""
    return encode(info._raw_info.parent_type.name, root.id)


def root_resolver(spec: Root) -> Callable[..., Any]:
    """A root field with the arguments that its function declares."""

    async def resolve(root: Any, info: strawberry.Info[Context, Any], **arguments: Any) -> Any:
        operation = info.context.operation
        return await operation.deadline.within(answered(spec, operation, arguments))

    return _with_arguments_of(resolve, spec.call, skip=1)


def stream_resolver(spec: Stream) -> Callable[..., Any]:
    """The source of a subscription; what fails in it is told at the field's place."""
    goes_on = "after" in inspect.signature(spec.events).parameters

    def resolve(root: Any, info: strawberry.Info[Context, Any], **arguments: Any) -> AsyncGenerator[Any, None]:
        if goes_on and info.context.after is not None:
            arguments["after"] = info.context.after
        return _located(info._raw_info, spec.events(info.context.operation, **arguments))

    return _with_arguments_of(resolve, spec.events, skip=1)


async def _located(info: GraphQLResolveInfo[Any], events: AsyncGenerator[Any, None]) -> AsyncGenerator[Any, None]:
    async with aclosing(events):
        try:
            async for event in events:
                yield event
        except Exception as error:
            raise located_error(error, info.field_nodes, info.path.as_list()) from error


def edge_resolver(spec: Edge) -> Callable[..., Any]:
    """An edge: joins the loader of its document path."""

    def resolve(root: Any, info: strawberry.Info[Context, Any], **arguments: Any) -> Any:
        raw: GraphQLResolveInfo[Any] = info._raw_info
        loaders = info.context.edge_loaders
        path = document_path(raw.path)
        loader = loaders.get(path)
        if loader is None:
            request: tuple[Any, ...] = () if spec.request is None else (spec.request(**arguments),)
            if spec.includes is not None:
                request = (*request, included_requests(raw, spec.includes))
            loader = loaders[path] = _loader(spec, info.context, request)
        return loader.load(root)

    return _with_arguments_of(resolve, spec.request or _nothing, skip=0)


def watching(operation: Operation, kind: OperationType) -> MiddlewareManager | None:
    """What tells `operation.reads` of each field of each record, as a plan does level by level; None where nobody has
    to hear it. A mutation may be a log-in, and who follows a stream may become an administrator."""
    return _WATCHING if operation.reads is not None or kind is not OperationType.QUERY else None


def _watched(resolve: Callable[..., Any], root: Any, info: GraphQLResolveInfo[Any], **arguments: Any) -> Any:
    reads = info.context.operation.reads
    if reads is not None and not info.field_name.startswith("__"):
        # Imported when it is needed: faces are declared with what stands in this file.
        from graph.types.node import concern_of

        concern = concern_of(info.parent_type)
        if concern is not None:
            reads.saw(concern, [f"{info.parent_type.name}.{info.field_name}"], [root])
    return resolve(root, info, **arguments)


_WATCHING: Final = MiddlewareManager(_watched)


def _nothing() -> None:
    """The arguments of an edge that has none; its type stands on the face."""


def document_path(path: Path | None) -> tuple[str, ...]:
    """The path in the document: response keys with the type that each was selected on, without list positions.

    Below an interface one key may mean another field, or other arguments, on each type."""
    keys: list[str] = []
    while path is not None:
        if path.typename is not None:
            keys.append(f"{path.typename}.{path.key}")
        path = path.prev
    return tuple(reversed(keys))


def _loader(spec: Edge, context: Context, arguments: tuple[Any, ...]) -> DataLoader[Any, Any]:
    async def batch(parents: Sequence[Any]) -> list[Any]:
        return await run(spec, context.operation, parents, arguments)

    # No cache: keys are records, and a record that stands twice in a level is asked twice by the batch function only.
    return DataLoader(batch_load_fn=batch, cache=False)


def _with_arguments_of(resolve: Callable[..., Any], declared: Callable[..., Any], *, skip: int) -> Callable[..., Any]:
    """Give a resolver the GraphQL arguments and return type of the function that declares them."""
    signature = inspect.signature(declared)
    own = [
        inspect.Parameter("root", inspect.Parameter.POSITIONAL_OR_KEYWORD),
        inspect.Parameter("info", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=strawberry.Info[Any, Any]),
    ]
    arguments = [
        parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY)
        for parameter in list(signature.parameters.values())[skip:]
    ]
    shown: Any = resolve
    returns = inspect.Signature.empty if declared is _nothing else signature.return_annotation
    shown.__signature__ = inspect.Signature([*own, *arguments], return_annotation=returns)
    names = {parameter.name for parameter in arguments} | ({"return"} if declared is not _nothing else set())
    shown.__annotations__ = {
        "info": strawberry.Info[Any, Any],
        **{name: kind for name, kind in declared.__annotations__.items() if name in names},
    }
    shown.__module__ = declared.__module__
    shown.__name__ = declared.__name__
    return resolve

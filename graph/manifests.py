"""Which documents are known by an id before anybody sends them? Manifests, made when a client is built.

Three shapes are read: ours and Apollo's are the same (`{"format": "apollo-persisted-query-manifest", "version": 1,
"operations": [{"id", "name", "type", "body"}]}`), Relay's maps ids to texts.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import orjson
from graphql import (
    DocumentNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLSchema,
    GraphQLSyntaxError,
    Node,
    OperationDefinitionNode,
    Visitor,
    parse,
    print_ast,
    validate,
    visit,
)

from graph.settings import SettingsError
from resolvers.persisted import hash_of

FORMAT: Final = "apollo-persisted-query-manifest"


class ManifestError(Exception):
    """No manifest can be made of these files; the message is one or more sentences."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """Texts by their ids, and by their hashes."""

    by_id: Mapping[str, str] = field(default_factory=dict)
    by_hash: Mapping[str, str] = field(default_factory=dict)

    def text(self, identity: str) -> str | None:
        """The text with this id, or with this hash (as `sha256:...` too)."""
        return self.by_id.get(identity) or self.by_hash.get(identity.removeprefix("sha256:"))


def known(setting: str | None) -> Manifest:
    """The documents of the manifests that the setting names. Raises SettingsError."""
    by_id: dict[str, str] = {}
    for path in filter(None, map(str.strip, (setting or "").split(","))):
        for identity, text in _read(Path(path)):
            if by_id.setdefault(identity, text) != text:
                raise SettingsError(f"STUDYGRAPH_MANIFESTS gives two documents the id {identity!r}.")
    return Manifest(by_id, {hash_of(text): text for text in by_id.values()})


def _read(path: Path) -> Iterator[tuple[str, str]]:
    try:
        found = orjson.loads(path.read_bytes())
    except OSError as error:
        raise SettingsError(f"STUDYGRAPH_MANIFESTS names {path}, which cannot be read: {error.strerror}.") from None
    except orjson.JSONDecodeError:
        raise SettingsError(f"STUDYGRAPH_MANIFESTS names {path}, which is not JSON.") from None
    pairs = list(_pairs(found))
    if not all(isinstance(each, str) and each for pair in pairs for each in pair) or not isinstance(found, dict):
        raise SettingsError(f"STUDYGRAPH_MANIFESTS names {path}, which is no manifest of persisted documents.")
    yield from pairs


def _pairs(found: Any) -> Iterator[tuple[Any, Any]]:
    """Ids and texts, of whichever shape; what is wrong in them is for the caller to see."""
    if not isinstance(found, dict):
        yield None, None
    elif isinstance(found.get("operations"), list):
        for each in found["operations"]:
            yield (each.get("id"), each.get("body")) if isinstance(each, dict) else (None, None)
    else:
        yield from found.items()


def made(schema: GraphQLSchema, paths: Iterable[Path]) -> bytes:
    """The manifest of all operations in these files and folders of `.graphql` files, each with the fragments that it
    uses, wherever they stand. Raises ManifestError."""
    operations: dict[str, OperationDefinitionNode] = {}
    fragments: dict[str, FragmentDefinitionNode] = {}
    for path in sorted(_files(paths)):
        for each in _parsed(path).definitions:
            if not isinstance(each, (OperationDefinitionNode, FragmentDefinitionNode)):
                raise ManifestError(f"{path} holds something else than operations and fragments.")
            if each.name is None:
                raise ManifestError(f"{path} holds an operation without a name.")
            among: dict[str, Any] = operations if isinstance(each, OperationDefinitionNode) else fragments
            if each.name.value in among:
                raise ManifestError(f"{path} holds a second {each.name.value}: names are given once.")
            among[each.name.value] = each
    if not operations:
        raise ManifestError("There is no operation in these files.")
    entries = [_entry(schema, name, each, fragments) for name, each in sorted(operations.items())]
    manifest = {"format": FORMAT, "version": 1, "operations": entries}
    return orjson.dumps(manifest, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def _files(paths: Iterable[Path]) -> Iterator[Path]:
    for path in paths:
        if path.is_dir():
            yield from (each for each in path.rglob("*") if each.suffix in (".graphql", ".gql"))
        else:
            yield path


def _parsed(path: Path) -> DocumentNode:
    try:
        return parse(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ManifestError(f"{path} cannot be read: {error.strerror}.") from None
    except (GraphQLSyntaxError, UnicodeError) as error:
        raise ManifestError(f"{path} is no GraphQL: {str(error).splitlines()[0]}") from None


def _entry(
    schema: GraphQLSchema,
    name: str,
    operation: OperationDefinitionNode,
    fragments: Mapping[str, FragmentDefinitionNode],
) -> dict[str, str]:
    used: dict[str, FragmentDefinitionNode] = {}
    _collect(operation, fragments, used)
    document = DocumentNode(definitions=(operation, *(used[each] for each in sorted(used))))
    if wrong := validate(schema, document):
        raise ManifestError("\n".join(f"{name}: {error.message}" for error in wrong))
    body = print_ast(document)
    return {"id": hash_of(body), "name": name, "type": operation.operation.value, "body": body}


def _collect(node: Node, fragments: Mapping[str, FragmentDefinitionNode], used: dict[str, Any]) -> None:
    for spread in _spreads(node):
        if spread in fragments and spread not in used:
            used[spread] = fragments[spread]
            _collect(fragments[spread], fragments, used)


def _spreads(node: Node) -> list[str]:
    found = _Spreads()
    visit(node, found)
    return found.names


class _Spreads(Visitor):
    def __init__(self) -> None:
        super().__init__()
        self.names: list[str] = []

    def enter_fragment_spread(self, node: FragmentSpreadNode, *_: Any) -> None:
        self.names.append(node.name.value)

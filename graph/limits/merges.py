"""How many fields may answer under one key? Validation compares each pair of them, with all that is below.

390 times `viewer { id }` took it a second. The pairs are counted where fragments are unfolded, which their own limit
(`selections`) has bounded by then; 2,000 pairs take validation about 40 ms.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    InlineFragmentNode,
    SelectionSetNode,
)

from graph.limits.bounds import Limits
from graph.limits.measures import Measures


def too_many_merges(measures: Measures, limits: Limits) -> list[GraphQLError]:
    """The definition with which the document's pairs become too many."""
    pairs = read = 0
    for node, size in measures.sizes:
        read += size.selections
        # Fragments that nothing reaches may share what they spread, and are each unfolded anew.
        if read > limits.selections * limits.operations:
            return [GraphQLError("The document's fragments that nothing uses are too many.", node)]
        pairs += _pairs([node.selection_set], measures.fragments)  # type: ignore[attr-defined]
        if pairs > limits.merges:
            return [GraphQLError(f"At most {limits.merges:,} pairs of fields answer under one key.", node)]
    return []


def _pairs(selections: Sequence[SelectionSetNode], fragments: Mapping[str, FragmentDefinitionNode]) -> int:
    keys: dict[str, list[FieldNode]] = defaultdict(list)
    for each in selections:
        _collect(each, fragments, keys)
    pairs = 0
    for nodes in keys.values():
        pairs += len(nodes) * (len(nodes) - 1) // 2
        below = [node.selection_set for node in nodes if node.selection_set is not None]
        if below:
            pairs += _pairs(below, fragments)
    return pairs


def _collect(
    selections: SelectionSetNode, fragments: Mapping[str, FragmentDefinitionNode], keys: dict[str, list[FieldNode]]
) -> None:
    for each in selections.selections:
        if isinstance(each, FieldNode):
            keys[(each.alias or each.name).value].append(each)
        elif isinstance(each, InlineFragmentNode):
            _collect(each.selection_set, fragments, keys)
        elif isinstance(each, FragmentSpreadNode) and each.name.value in fragments:
            _collect(fragments[each.name.value].selection_set, fragments, keys)

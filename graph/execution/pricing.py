"""Which places of an operation cost what? A validated operation turned into the places that `prices.py` adds up."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from graphql import (
    BooleanValueNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLField,
    GraphQLObjectType,
    GraphQLSchema,
    InlineFragmentNode,
    IntValueNode,
    ListValueNode,
    SelectionSetNode,
    ValueNode,
    VariableNode,
    get_named_type,
    is_abstract_type,
    is_leaf_type,
    is_list_type,
    is_non_null_type,
)

from graph.execution.cost_directives import CALL, PAGE, Cost, ListSize
from graph.execution.edge import Calls, Edge, Root, Spec, Stream, spec_of
from graph.execution.explain import asks_for_scope, calls_of

LEAF: Final = 0.1
"""What a value costs, each time it is answered."""
OBJECT: Final = 1.0
"""What an object costs, each time it is answered."""
LOOK: Final = 1_000.0
"""What a look at the schema costs: it does not depend on data, and takes tens of milliseconds where it is whole."""
LONGEST: Final = 250
"""No list is longer that an argument makes so long."""
_LOOKS: Final = frozenset({"__schema", "__type", "_service"})
_NOTHING: Final[Calls] = {}


@dataclass(frozen=True, slots=True)
class Length:
    """How long a list gets: a number, or what a variable says and the number where it says nothing."""

    assumed: int
    variables: tuple[str, ...] = ()
    written: int | None = None

    def of(self, lengths: Mapping[str, int | None]) -> int:
        """The length under these values of the variables."""
        given = [each for name in self.variables if (each := lengths.get(name)) is not None]
        if self.written is not None:
            given.append(self.written)
        # What is outside these bounds is refused elsewhere, with a sentence that says more than a price.
        return min(LONGEST, max(0, *given)) if given else self.assumed


@dataclass(frozen=True, slots=True)
class PricedField:
    """One field: `once` for the whole level, `item` for each thing it answers, then what is selected below."""

    once: float
    item: float
    calls: Calls
    size: Length | None
    # It answers pages; it is the list that a page holds.
    paged: bool
    of_page: bool
    below: tuple[Place, ...]


@dataclass(frozen=True, slots=True)
class Place:
    """A selection on one type: what each object costs beside its dearer fields."""

    each: float
    fields: tuple[PricedField, ...]


@dataclass(slots=True)
class Pricing:
    """An operation's places, the variables that say how long its lists are, whether the scope is a call of its own."""

    root: Place
    variables: dict[str, None] = field(default_factory=dict)
    scoped: bool = False


def compiled(
    schema: GraphQLSchema,
    fragments: Mapping[str, FragmentDefinitionNode],
    switches: Mapping[str, Any],
    kind: GraphQLObjectType,
    selections: SelectionSetNode,
) -> Pricing:
    """The pricing of an operation, for one setting of its @skip and @include variables."""
    compiler = _Compiler(schema, fragments, switches)
    root = compiler.place(kind, [selections], None, ())
    # The operation itself is no object that anybody stored.
    return Pricing(Place(root.each, root.fields), compiler.variables, asks_for_scope(compiler.roots))


class _Compiler:
    def __init__(
        self, schema: GraphQLSchema, fragments: Mapping[str, FragmentDefinitionNode], switches: Mapping[str, Any]
    ) -> None:
        self._schema = schema
        self._fragments = fragments
        self._switches = switches
        self.variables: dict[str, None] = {}
        self.roots: list[tuple[Spec | None, Calls]] = []

    def place(
        self, kind: GraphQLObjectType, selections: Sequence[SelectionSetNode], above: Spec | None, sized: Sequence[str]
    ) -> Place:
        """A selection. `above` is the edge that it is below, `sized` are the lists that its page holds."""
        keys: dict[str, list[FieldNode]] = {}
        for each in selections:
            for node in self._kept(kind, each):
                keys.setdefault((node.alias or node.name).value, []).append(node)
        each_object = 0.0
        fields: list[PricedField] = []
        for nodes in keys.values():
            name = nodes[0].name.value
            if name == "__typename":
                each_object += LEAF
            elif name in _LOOKS:
                fields.append(PricedField(LOOK, 0.0, _NOTHING, None, False, False, ()))
            else:
                priced = self._field(kind, kind.fields[name], nodes, above, sized)
                if isinstance(priced, PricedField):
                    fields.append(priced)
                else:
                    each_object += priced
        return Place(each_object, tuple(fields))

    def _field(
        self,
        kind: GraphQLObjectType,
        definition: GraphQLField,
        nodes: list[FieldNode],
        above: Spec | None,
        sized: Sequence[str],
    ) -> PricedField | float:
        """The field's price; a number where it is nothing but a value of the record."""
        name = nodes[0].name.value
        declared: Any = definition.extensions.get("strawberry-definition")
        spec = spec_of(declared) if declared is not None else None
        cost, listed = _directives(declared)
        named = get_named_type(definition.type)
        leaf = is_leaf_type(named)
        plain = not _is_list(definition.type)
        weight = None if cost is None else float(cost.weight)
        if leaf and plain and (spec is None or not isinstance(spec, Edge | Root | Stream)):
            return LEAF if weight is None else weight
        waits = isinstance(spec, Edge | Root | Stream)
        calls = _NOTHING
        if spec is not None and waits:
            calls = calls_of(spec, name, kind.name, above, abstract=is_abstract_type(named))
            if kind in (self._schema.query_type, self._schema.mutation_type, self._schema.subscription_type):
                self.roots.append((spec, calls))
        once = 0.0
        if waits or spec is None:
            brought = isinstance(spec, Edge | Root | Stream) and bool(spec.calls) and not calls
            once = 1.0 if brought else max(weight or 1.0, float(CALL * sum(calls.values())))
        slicing = tuple(listed.sized_fields or ()) if listed is not None else ()
        below_spec = spec if waits else above
        return PricedField(
            once,
            (LEAF if leaf else _weight(named)),
            calls,
            None if plain and not slicing else self._length(definition, nodes[0], listed, spec),
            paged=bool(slicing),
            of_page=name in sized and not plain,
            below=() if leaf else self._below(named, nodes, below_spec, slicing),
        )

    def _below(self, named: Any, nodes: list[FieldNode], above: Spec | None, sized: Sequence[str]) -> tuple[Place, ...]:
        selections = [node.selection_set for node in nodes if node.selection_set is not None]
        kinds = self._schema.get_possible_types(named) if is_abstract_type(named) else [named]
        return tuple(self.place(kind, selections, above, sized) for kind in kinds)

    def _length(self, definition: GraphQLField, node: FieldNode, listed: ListSize | None, spec: Spec | None) -> Length:
        assumed = (listed.assumed_size if listed is not None else None) or PAGE
        names: Sequence[str] = (listed.slicing_arguments if listed is not None else None) or ()
        if listed is None and spec is None:
            # Federation's own: as many as it is given.
            names = [name for name, argument in definition.args.items() if _is_list(argument.type)]
        written: list[int] = []
        variables: list[str] = []
        given = {each.name.value: each.value for each in node.arguments or ()}
        for name in names:
            if name in given:
                self._slice(given[name], written, variables)
            elif name in definition.args and isinstance(definition.args[name].default_value, int):
                written.append(definition.args[name].default_value)
        for variable in variables:
            self.variables[variable] = None
        return Length(assumed, tuple(variables), max(written) if written else None)

    def _slice(self, value: ValueNode, written: list[int], variables: list[str]) -> None:
        if isinstance(value, IntValueNode):
            written.append(int(value.value))
        elif isinstance(value, ListValueNode):
            written.append(len(value.values))
        elif isinstance(value, VariableNode):
            variables.append(value.name.value)

    def _kept(self, kind: GraphQLObjectType, selections: SelectionSetNode) -> Iterator[FieldNode]:
        """The fields that are asked of this type, as the setting of @skip and @include has them."""
        for each in selections.selections:
            if each.directives and self._left_out(each.directives):
                continue
            if isinstance(each, FieldNode):
                yield each
                continue
            if isinstance(each, FragmentSpreadNode):
                fragment = self._fragments[each.name.value]
                condition, below = fragment.type_condition, fragment.selection_set
            else:
                assert isinstance(each, InlineFragmentNode)
                if each.type_condition is None:
                    yield from self._kept(kind, each.selection_set)
                    continue
                condition, below = each.type_condition, each.selection_set
            named: Any = self._schema.get_type(condition.name.value)
            if named is kind or (is_abstract_type(named) and self._schema.is_sub_type(named, kind)):
                yield from self._kept(kind, below)

    def _left_out(self, directives: Sequence[Any]) -> bool:
        for each in directives:
            name = each.name.value
            if name in ("skip", "include"):
                value = next(argument.value for argument in each.arguments if argument.name.value == "if")
                given = value.value if isinstance(value, BooleanValueNode) else self._switches.get(value.name.value)
                # What may fail at run time counts as there.
                if given is (name == "skip"):
                    return True
        return False


def _weight(named: Any) -> float:
    declared = named.extensions.get("strawberry-definition")
    cost = next((each for each in getattr(declared, "directives", None) or () if isinstance(each, Cost)), None)
    return OBJECT if cost is None else float(cost.weight)


def _directives(declared: Any) -> tuple[Cost | None, ListSize | None]:
    found = (declared.directives or ()) if declared is not None else ()
    cost = next((each for each in found if isinstance(each, Cost)), None)
    return cost, next((each for each in found if isinstance(each, ListSize)), None)


def _is_list(kind: Any) -> bool:
    return is_list_type(kind.of_type if is_non_null_type(kind) else kind)

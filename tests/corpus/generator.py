"""Which operations are there? Random ones over the real schema, the same for the same seed.

Documents use what GraphQL has: aliases, keys that merge, named fragments within fragments, inline fragments with and
without a type, `... on Node`, @skip and @include with literals and variables, variables with defaults, null and left
out, several operations in a document, arguments that are right, wrong and absent. What is generated may be invalid (two
fields of one key that cannot merge): whoever runs it asks for the next one.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any, Final

from graphql import (
    GraphQLArgument,
    GraphQLEnumType,
    GraphQLField,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLScalarType,
    GraphQLSchema,
    GraphQLUnionType,
    Undefined,
    get_named_type,
    is_abstract_type,
    is_leaf_type,
)

from tests.corpus.injection import Injection
from tests.corpus.memory_records import VIEWERS
from tests.corpus.values import KEY, Values

# Levels of objects: a connection, its edges and their nodes are three.
DEEPEST: Final = 10
MOST_FIELDS: Final = (5, 12, 20, 30, 45)
# How often a field is chosen where another could be, 1 if not said: towards what has much below it.
_WEIGHTS: Final = {
    "_service": 0.03,
    "stores": 0.3,
    "classrooms": 2.0,
    "classroom": 1.5,
    "nodes": 3.0,
    "edges": 2.0,
    "node": 1.5,
    "pageInfo": 0.5,
    "logIn": 1.0,
}
# How often an argument that may be left out is given.
_GIVEN: Final = {
    "first": 0.2,
    "last": 0.12,
    "after": 0.05,
    "before": 0.04,
    "days": 0.5,
    "orderBy": 0.15,
    "filter": 0.12,
}
_RATES: Final = (0.0, 0.003, 0.01, 0.03, 0.1, 0.3)
_ALIASES: Final = ("id", "a", "b", "c", "zeta", "_x9", "name", "None", "columns")


@dataclass(frozen=True, slots=True)
class Case:
    """One operation of the corpus: what is sent, who sends it, what goes wrong."""

    seed: int
    document: str
    variables: dict[str, Any]
    operation_name: str | None
    viewer: str
    injection: Injection | None

    def __str__(self) -> str:
        name = f" operationName={self.operation_name}" if self.operation_name else ""
        rate = self.injection.rate if self.injection else 0
        given = json.dumps(self.variables, default=repr)
        return f"seed {self.seed}, as {self.viewer}, rate {rate}{name}\n{self.document}\n{given}"


@dataclass(slots=True)
class _Piece:
    """Part of a document: its text, and what it uses."""

    text: str
    variables: dict[str, _Variable] = field(default_factory=dict)
    fragments: dict[str, None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Variable:
    declaration: str
    value: Any


@dataclass(frozen=True, slots=True)
class _Fragment:
    kind: str
    piece: _Piece


class Generator:
    """Makes the case of a seed."""

    def __init__(self, schema: GraphQLSchema, *, without: frozenset[str] = frozenset(), failures: bool = True) -> None:
        """`without` names fields that are left out; without `failures` nothing is injected."""
        self._schema = schema
        self._without = without
        self._failures = failures

    def case(self, seed: int) -> Case:
        """The case of this seed; its document may be invalid."""
        return _Document(self._schema, self._without, seed).case(self._failures)

    def again(self, case: Case) -> Case:
        """The same operation, sent by somebody else, with other failures."""
        random = Random(~case.seed)
        return replace(case, viewer=random.choice(list(VIEWERS)), injection=_injection(random, -case.seed))


def _injection(random: Random, seed: int) -> Injection | None:
    rate = random.choice(_RATES)
    return Injection(seed, rate) if rate else None


class _Document:
    def __init__(self, schema: GraphQLSchema, without: frozenset[str], seed: int) -> None:
        self.schema = schema
        self.without = without
        self.seed = seed
        self.random = Random(seed)
        self.values = Values(self.random)
        self.fragments: dict[str, _Fragment] = {}
        self.keys: dict[tuple[str, str], str] = {}
        node: Any = schema.type_map["Node"]
        self.nodes = {"Node", *(each.name for each in schema.get_possible_types(node))}
        self.fields = 0
        self.most_fields = self.random.choice(MOST_FIELDS)
        self.names = iter(f"v{number}" for number in range(10_000))
        self.plain = self.random.random() < 0.3

    def case(self, failures: bool) -> Case:
        random = self.random
        count = 1 if random.random() < 0.85 else random.randint(2, 3)
        operations = [self._operation(number, named=count > 1) for number in range(count)]
        chosen = random.randrange(count)
        name, piece, _ = operations[chosen]
        used: dict[str, None] = {}
        for _, each, _ in operations:
            used |= self._closure(each.fragments)
        parts = [text for _, _, text in operations]
        parts += [f"fragment {each} on {self.fragments[each].kind} {self.fragments[each].piece.text}" for each in used]
        if count > 1:
            random.shuffle(parts)
        variables = self._variables(piece)
        injection = _injection(random, self.seed) if failures else None
        return Case(
            self.seed,
            "\n".join(parts),
            {key: each.value for key, each in variables.items() if each.value is not Undefined},
            name if count > 1 or random.random() < 0.5 else None,
            random.choice(("teacher", "teacher", "teacher", "student", "student", "admin", *VIEWERS)),
            injection,
        )

    def _operation(self, number: int, *, named: bool) -> tuple[str | None, _Piece, str]:
        random = self.random
        chance = random.random()
        kind, root = "query", self.schema.query_type
        if chance < 0.1 and "logIn" not in self.without:
            kind, root = "mutation", self.schema.mutation_type
        elif 0.1 <= chance < 0.15 and "storesLive" not in self.without:
            kind, root = "subscription", self.schema.subscription_type
        assert root is not None
        piece = self._one(root) if kind == "subscription" else self._selection(root, 0)
        name = f"Op{number}" if named or random.random() < 0.5 else None
        declared = ", ".join(f"${key}: {each.declaration}" for key, each in self._variables(piece).items())
        head = " ".join(filter(None, [kind, name]))
        if kind == "query" and name is None and not declared and random.random() < 0.5:
            head = ""
        return name, piece, f"{head}{f'({declared})' if declared else ''} {piece.text}".strip()

    def _closure(self, names: dict[str, None]) -> dict[str, None]:
        found: dict[str, None] = {}
        waiting = list(names)
        while waiting:
            name = waiting.pop(0)
            if name not in found:
                found[name] = None
                waiting += self.fragments[name].piece.fragments
        return found

    def _variables(self, piece: _Piece) -> dict[str, _Variable]:
        found = dict(piece.variables)
        for name in self._closure(piece.fragments):
            found |= self.fragments[name].piece.variables
        return found

    # Selections

    def _selection(self, kind: Any, depth: int) -> _Piece:
        random = self.random
        piece = _Piece("")
        parts: list[str] = []
        count = random.choice((1, 1, 1, 2, 3)) if depth == 0 else random.choice((1, 2, 2, 3, 3, 4))
        for part in (self._part(kind, depth) for _ in range(count)):
            self._take(piece, part)
            parts.append(part.text)
        if parts and random.random() < 0.12:
            # The same key once more: what stands below is merged.
            again = self._part(kind, depth)
            self._take(piece, again)
            parts.insert(random.randrange(len(parts) + 1), again.text)
        piece.text = "{ " + " ".join(parts) + " }"
        return piece

    def _one(self, kind: Any) -> _Piece:
        """The one field of a subscription, now and then in a fragment or under a directive that is refused there."""
        part = self._part(kind, 0)
        return replace(part, text=f"{{ {part.text} }}")

    def _take(self, piece: _Piece, part: _Piece) -> None:
        piece.variables |= part.variables
        piece.fragments |= part.fragments

    def _part(self, kind: Any, depth: int) -> _Piece:
        chance = self.random.random()
        if self.plain or chance < 0.72:
            return self._field(kind, depth)
        if chance < 0.86:
            return self._inline(kind, depth)
        return self._spread(kind, depth)

    def _field(self, kind: Any, depth: int) -> _Piece:
        random = self.random
        self.fields += 1
        few = isinstance(kind, GraphQLInterfaceType) and random.random() < 0.3
        if few or isinstance(kind, GraphQLUnionType) or random.random() < 0.07:
            alias = random.choice(("", "", "", "", "kind: ", "_t: "))
            return self._directed(_Piece(f"{alias}__typename"))
        name, definition = self._chosen(kind, depth)
        arguments = self._arguments(definition)
        below = None
        if not is_leaf_type(get_named_type(definition.type)):
            below = self._selection(get_named_type(definition.type), depth + 1)
        key = self._key(kind.name, name, arguments.text)
        text = (f"{key}: " if key != name else "") + name + arguments.text
        piece = self._directed(_Piece(text, dict(arguments.variables)), after=f" {below.text}" if below else "")
        if below:
            self._take(piece, below)
        return piece

    def _chosen(self, kind: Any, depth: int) -> tuple[str, GraphQLField]:
        random = self.random
        known = {name: each for name, each in kind.fields.items() if name not in self.without}
        leaves = [name for name, each in known.items() if is_leaf_type(get_named_type(each.type))]
        others = [name for name in known if name not in leaves]
        deep = depth < DEEPEST and self.fields < self.most_fields
        if others and deep and (not leaves or random.random() < (0.75 if depth < 4 else 0.6)):
            name = random.choices(others, [_WEIGHTS.get(each, 1.0) for each in others])[0]
        elif leaves:
            name = random.choice(leaves)
        else:
            # Too deep for more: a short way to a leaf.
            name = "pageInfo" if "pageInfo" in others else "viewer" if "viewer" in others else others[0]
        return name, known[name]

    def _key(self, parent: str, name: str, arguments: str) -> str:
        """A response key that means one thing in the selections on one type, most of the time."""
        random = self.random
        meaning = name + arguments
        if name == "id":
            return random.choice(("id", "id", "id", "key", "_k"))
        aliases = _ALIASES if parent not in self.nodes else _ALIASES[1:]
        wanted = name if random.random() < 0.75 else random.choice(aliases)
        if random.random() < 0.04:
            return wanted
        for key in (wanted, *random.sample(aliases, len(aliases))):
            if self.keys.setdefault((parent, key), meaning) == meaning:
                return key
        return f"k{len(self.keys)}"

    def _inline(self, kind: Any, depth: int) -> _Piece:
        random = self.random
        to = self._condition(kind)
        below = self._selection(to or kind, depth)
        head = f"... on {to.name}" if to is not None and (to is not kind or random.random() < 0.5) else "..."
        piece = self._directed(_Piece(head), after=f" {below.text}")
        self._take(piece, below)
        return piece

    def _condition(self, kind: Any) -> Any:
        """A type that the kind may be, or None for no condition."""
        random = self.random
        if is_abstract_type(kind):
            if random.random() < 0.8:
                return random.choice(self.schema.get_possible_types(kind))
            return random.choice((None, kind))
        if kind.interfaces and random.random() < 0.4:
            return kind.interfaces[0]
        return random.choice((None, kind))

    def _spread(self, kind: Any, depth: int) -> _Piece:
        random = self.random
        fitting = [name for name, each in self.fragments.items() if self._fits(kind, each.kind)]
        if fitting and random.random() < 0.5:
            name = random.choice(fitting)
        else:
            to = self._condition(kind) or kind
            below = self._selection(to, depth)
            name = f"F{len(self.fragments)}"
            self.fragments[name] = _Fragment(to.name, below)
        return self._directed(_Piece(f"...{name}", {}, {name: None}))

    def _fits(self, kind: Any, condition: str) -> bool:
        if condition == kind.name:
            return True
        other: Any = self.schema.type_map[condition]
        pairs = ((kind, other), (other, kind))
        return any(
            is_abstract_type(above) and isinstance(below, GraphQLObjectType) and self.schema.is_sub_type(above, below)
            for above, below in pairs
        )

    # Directives, arguments, variables

    def _directed(self, piece: _Piece, after: str = "") -> _Piece:
        random = self.random
        if not self.plain and random.random() < 0.09:
            for name in random.sample(("skip", "include"), random.choice((1, 1, 1, 2))):
                wanted = (name == "include") == (random.random() < 0.65)
                text = "true" if wanted else "false"
                if random.random() < 0.5:
                    text = self._variable(piece, "Boolean", wanted, required=True)
                piece.text += f" @{name}(if: {text})"
        piece.text += after
        return piece

    def _arguments(self, definition: GraphQLField) -> _Piece:
        piece = _Piece("")
        texts = [
            f"{name}: {self._argument(piece, name, argument)}"
            for name, argument in definition.args.items()
            if (isinstance(argument.type, GraphQLNonNull) and argument.default_value is Undefined)
            or self.random.random() < _GIVEN.get(name, 0.3)
        ]
        self.random.shuffle(texts)
        piece.text = f"({', '.join(texts)})" if texts else ""
        return piece

    def _argument(self, piece: _Piece, name: str, argument: GraphQLArgument) -> str:
        return self._input(piece, name, argument.type, 0, defaulted=argument.default_value is not Undefined)

    def _input(self, piece: _Piece, name: str, kind: Any, depth: int, *, defaulted: bool = False) -> str:
        random = self.random
        required = isinstance(kind, GraphQLNonNull)
        inner = kind.of_type if required else kind
        if inner.__class__ is GraphQLScalarType and inner.name == "Upload":
            # A file comes with the request: no document can hold one.
            return self._variable(piece, "Upload", self.values.of(inner, name), required=required)
        if random.random() < (0.3 if depth == 0 else 0.1):
            value = self.values.of(inner, name)
            return self._variable(piece, str(inner), value, required=required, defaulted=defaulted)
        if not required and random.random() < 0.06:
            return "null"
        if isinstance(inner, GraphQLList):
            if random.random() < 0.15:
                # One item stands for a list of one.
                return self._input(piece, name, inner.of_type, depth + 1)
            count = random.choice((0, 1, 3, 8, 12) if name == "ids" else (0, 1, 1, 2, 3))
            items = (self._input(piece, name, inner.of_type, depth + 1) for _ in range(count))
            return "[" + ", ".join(items) + "]"
        if isinstance(inner, GraphQLInputObjectType):
            return "{" + ", ".join(self._members(piece, inner, depth)) + "}"
        value = self.values.of(inner, name)
        return value if isinstance(inner, GraphQLEnumType) else json.dumps(value)

    def _members(self, piece: _Piece, kind: GraphQLInputObjectType, depth: int) -> Iterator[str]:
        for name, member in kind.fields.items():
            if name == KEY:
                continue
            needed = isinstance(member.type, GraphQLNonNull) and member.default_value is Undefined
            recursive = name in ("and", "or", "not")
            if needed or self.random.random() < ((0.15 if depth < 3 else 0) if recursive else 0.3):
                yield f"{name}: {self._input(piece, name, member.type, depth + 1)}"

    def _variable(self, piece: _Piece, kind: str, value: Any, *, required: bool, defaulted: bool = False) -> str:
        """Declare a variable of a type, given, left out or null; one with a default may be null at run time even where
        null is not taken."""
        random = self.random
        name = next(self.names)
        chance = random.random()
        if required and not defaulted and chance < 0.6:
            piece.variables[name] = _Variable(f"{kind}!", value)
        elif (required and not defaulted) or chance < 0.3:
            default = self.values.literal(value)
            # Null for @skip or @include is rare: a plan is not made for it.
            given = random.choices((value, Undefined, None), (60, 60, 1 if kind == "Boolean" else 10))[0]
            piece.variables[name] = _Variable(f"{kind} = {default}", given)
        elif required and chance < 0.6:
            piece.variables[name] = _Variable(f"{kind}!", value)
        else:
            piece.variables[name] = _Variable(kind, random.choices((value, Undefined, None), (4, 1, 1))[0])
        return f"${name}"

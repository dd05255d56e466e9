"""Which predicates keep a record from a viewer, and what is the program without one of them?

They are found, not listed: in PostgreSQL each policy that reads go by is opened, and each alternative and each
condition of it is taken away; of each function below, and of each door of `resolvers/access/`, each comparison is made
always true and always false. Only texts that are sent to a store are written out by hand. The program itself knows
nothing of this: code objects and texts are put in place of its own, and put back.
"""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from importlib import import_module
from pkgutil import iter_modules
from types import CodeType, FunctionType, ModuleType
from typing import Any, Final, NamedTuple

import asyncpg

import resolvers.access
from datadir.minio.embedded import FolderObjects
from datadir.postgresql import lease
from datadir.scope import Scope
from loaders import accounts, classrooms, sessions
from loaders.activity import Activity
from loaders.library import Library
from loaders.meetings import Meetings

POLICIES: Final = (
    "users",
    "classrooms",
    "classroom_members",
    "meetings",
    "recordings",
    "assessments",
    "submissions",
    "documents",
    "courses",
    "enrollments",
    "profiles",
    "user_preferences",
    "subscriptions",
    "user_sessions",
    "audit_log",
)
"""Tables that something reads for a viewer today; policies of the others are compared by tests/access."""
FUNCTIONS: Final[tuple[Any, ...]] = (
    vars(Scope)["sees_all"].fget,
    Meetings._transcripts,
    Library._visible,
    Activity._kept,
    Activity._seen,
    accounts.live_session,
    sessions.roles,
    FolderObjects.open_link,
)
_TRUTHS: Final = ("sees_all", "taught")
"""Attributes that are asked as they are."""
TEXTS: Final[tuple[tuple[ModuleType, str, str, str], ...]] = (
    (accounts, "_USER", "m.user_id = u.id and", ""),
    (accounts, "_USER", "m.classroom_id = any((select app_taught_ids())::uuid[])", "true"),
    (accounts, "_STANDS", "s.revoked_at is null and", ""),
    (accounts, "_STANDS", "s.expires_at > $2", "$2::timestamptz is not null"),
    (accounts, "PREAMBLE", "session[1] ~= ARGV[5] or", ""),
    (accounts, "PREAMBLE", "if left <= 0 then", "if false then"),
    (
        classrooms,
        "_CLASSROOM",
        "m.role from classroom_members m where m.classroom_id = c.id and m.user_id = {viewer}::uuid",
        "min(m.role) from classroom_members m where m.classroom_id = c.id and {viewer}::uuid is not null",
    ),
)
"""Of a module: a text, and what stands in place of some words of it."""
EVERYBODYS: Final = "self._reach.sql.replace('m.user_id = (select app_user_id())', 'true')"
TAUGHT_ALL: Final = """self._reach.sql.replace("m.role in ('assistant', 'teacher')", 'true')"""
SOURCES: Final[tuple[tuple[Any, str, str], ...]] = (
    (lease.Lease._begun, "self._reach.sql", EVERYBODYS),
    (lease.Lease._begun, "self._reach.sql", TAUGHT_ALL),
    (lease.scope_settings, "'{user}'", "''"),
    (lease.scope_settings, "'{role}'", "'anonymous'"),
    (lease.scope_settings, "{{{classrooms}}}", "{{}}"),
    (lease.scope_settings, "{{{taught}}}", "{{}}"),
    (lease.scope_settings, "if scope.login_email is not None", "if False"),
    (Activity._kept, "{'timestamp': {'$gte': since}}", "{}"),
)
"""Of a function: what stands in place of some words of it."""
_HERE: Final = "ANY (( SELECT app_classroom_ids() AS app_classroom_ids)::uuid[]))"
UNNOTICED: Final = {
    "policy recordings_read without «( SELECT app_sees_all() AS app_sees_all)»": (
        "an administrator sees the meeting, and with it its recordings"
    ),
    f"policy users_read without «(m.classroom_id = {_HERE}»": "the policy of classroom_members shows no other rows",
    f"policy users_read without «(c.id = {_HERE}»": "the policy of classrooms shows no other rows",
    **{
        f"loaders.accounts.live_session: «found[0] == owner» is always {value}": "it saves reading the id once more"
        for value in (True, False)
    },
}
"""What changes nothing for anybody, and why; whatever else is not noticed is a fault of the comparison."""


class Predicate(NamedTuple):
    """A predicate that can be taken away for a while: what is done to it, in words, and the doing."""

    said: str
    gone: Callable[[], AbstractAsyncContextManager[None]]


async def predicates(owner_dsn: str) -> list[Predicate]:
    """All of them, for a program on this database."""
    found = [*_of_functions(), *_of_texts()]
    owner = await asyncpg.connect(owner_dsn)
    try:
        policies = await owner.fetch(
            "select tablename, policyname, qual from pg_policies "
            "where schemaname = 'public' and cmd = 'SELECT' and tablename = any($1) order by 1, 2",
            list(POLICIES),
        )
    finally:
        await owner.close()
    assert len(policies) == len(POLICIES), "a table has one policy that reads go by"
    for table, policy, qual in policies:
        found.append(Predicate(f"policy {policy} opened", partial(_policy, owner_dsn, table, policy, qual, "true")))
        for part, without in parts_taken_away(qual):
            found.append(
                Predicate(
                    f"policy {policy} without «{part}»", partial(_policy, owner_dsn, table, policy, qual, without)
                )
            )
    return found


@asynccontextmanager
async def _policy(owner_dsn: str, table: str, policy: str, qual: str, without: str) -> AsyncIterator[None]:
    owner = await asyncpg.connect(owner_dsn)
    try:
        await owner.execute(f"alter policy {policy} on {table} using ({without})")
        try:
            yield
        finally:
            await owner.execute(f"alter policy {policy} on {table} using ({qual})")
    finally:
        await owner.close()


def parts_taken_away(qual: str) -> Iterator[tuple[str, str]]:
    """Each alternative and each condition of an expression, as PostgreSQL writes it, and the expression without it."""
    opened: list[int] = []
    for place, character in enumerate(qual):
        if character == "(":
            opened.append(place + 1)
        elif character == ")":
            start = opened.pop()
            inner = qual[start:place]
            for joint in (" OR ", " AND "):
                parts = _parts(inner, joint)
                for number, part in enumerate(parts if len(parts) > 1 else []):
                    rest = joint.join(parts[:number] + parts[number + 1 :])
                    yield " ".join(part.split()), f"{qual[:start]}{rest}{qual[place:]}"


def _parts(text: str, joint: str) -> list[str]:
    parts, depth, start = [], 0, 0
    for place, character in enumerate(text):
        depth += (character == "(") - (character == ")")
        if depth == 0 and text.startswith(joint, place):
            parts.append(text[start:place])
            start = place + len(joint)
    return [*parts, text[start:]]


def _of_functions() -> Iterator[Predicate]:
    for function in (*FUNCTIONS, *_doors()):
        for said, code in _mutated(function):
            yield Predicate(f"{_name(function)}: {said}", partial(_coded, function, code))
    for function, words, others in SOURCES:
        source = ast.unparse(_parsed(function))
        assert words in source, f"{_name(function)} no longer says {words}"
        code = _compiled(function, ast.parse(source.replace(words, others)))
        yield Predicate(f"{_name(function)}: «{others}» for «{words}»", partial(_coded, function, code))


def _doors() -> Iterator[FunctionType]:
    for module in iter_modules(resolvers.access.__path__, "resolvers.access."):
        for each in vars(import_module(module.name)).values():
            if inspect.isfunction(each) and each.__module__ == module.name:
                yield each


def _name(function: Any) -> str:
    return f"{function.__module__}.{function.__qualname__}"


def _parsed(function: Any) -> ast.Module:
    tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    definition: Any = tree.body[0]
    definition.decorator_list = []
    return tree


def _mutated(function: Any) -> Iterator[tuple[str, CodeType]]:
    count = sum(map(_is_predicate, ast.walk(_parsed(function))))
    for number in range(count):
        for value in (True, False):
            tree = _parsed(function)
            node: Any = [each for each in ast.walk(tree) if _is_predicate(each)][number]
            said = f"«{ast.unparse(node)}» is always {value}"
            yield said, _compiled(function, _Replaced(node, ast.Constant(value)).visit(tree))


def _is_predicate(node: ast.AST) -> bool:
    return isinstance(node, ast.Compare) or (isinstance(node, ast.Attribute) and node.attr in _TRUTHS)


class _Replaced(ast.NodeTransformer):
    def __init__(self, node: ast.AST, other: ast.AST) -> None:
        self._node, self._other = node, other

    def visit(self, node: ast.AST) -> Any:
        return ast.copy_location(self._other, node) if node is self._node else self.generic_visit(node)


def _compiled(function: Any, tree: ast.Module) -> CodeType:
    space: dict[str, Any] = {}
    # As the module postpones its annotations: they name what is imported for the types alone.
    text = f"from __future__ import annotations\n{ast.unparse(ast.fix_missing_locations(tree))}"
    exec(compile(text, inspect.getfile(function), "exec"), dict(function.__globals__), space)
    code: CodeType = space[function.__name__].__code__
    return code


@asynccontextmanager
async def _coded(function: Any, code: CodeType) -> AsyncIterator[None]:
    # Whoever holds the function holds it still: plans keep the doors that they were made with.
    own = function.__code__
    function.__code__ = code
    try:
        yield
    finally:
        function.__code__ = own


def _of_texts() -> Iterator[Predicate]:
    for module, name, words, others in TEXTS:
        text: str = getattr(module, name)
        assert words in text, f"{module.__name__}.{name} no longer says {words}"
        said = f"{module.__name__}.{name}: «{others}» for «{words}»"
        yield Predicate(said, partial(_said, module, name, text.replace(words, others)))


@asynccontextmanager
async def _said(module: ModuleType, name: str, text: str) -> AsyncIterator[None]:
    own = getattr(module, name)
    setattr(module, name, text)
    try:
        yield
    finally:
        setattr(module, name, own)

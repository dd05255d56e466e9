"""Does the cache of last good values keep its promise on the embedded Redis, and what can be cached at all?"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID, uuid4

import pytest

import datadir.redis
from datadir.postgresql.lease import Lease
from datadir.postgresql.record import Row
from datadir.redis import keys
from datadir.redis.client import Redis
from datadir.scope import SYSTEM, Scope
from loaders import Loaders
from loaders.accounts import Accounts
from loaders.cache import READS, Cache, Cached, Everyone, ViewerDependent
from loaders.degrading import Degrades, Undeclared, degradation, degrades, degrades_with
from loaders.shape import Shape, Unwritable
from loaders.write_behind import CLEARS, WRITES
from tests.stores.cache_contract import CacheContract
from tests.stores.courses import COURSES, courses_by_id, only


class TestEmbeddedRedis(CacheContract):
    """Valkey, as `make run` starts it."""

    implementation = "Valkey 9, embedded"

    @pytest.fixture
    def url(self, redis_url: str) -> str:
        return redis_url


class Word(NamedTuple):
    """A record."""

    word: str


async def of_a_lease(lease: Lease, ids: Sequence[UUID]) -> list[Word | None]:
    """A read through somebody's scope."""
    return []


async def of_loaders(loaders: Loaders, ids: Sequence[UUID]) -> list[Word | None]:
    """A read of one operation."""
    return []


async def of_a_scope(everyone: Everyone, ids: Sequence[UUID], scope: Scope) -> list[Word | None]:
    """A read that is told who asks."""
    return []


async def of_a_default(everyone: Everyone, ids: Sequence[UUID] = ()) -> list[Word | None]:
    """A read that remembers something."""
    return []


async def of_nothing() -> list[Word | None]:
    """A read that asks for nothing."""
    return []


async def of_everyone(everyone: Everyone, ids: Sequence[UUID]) -> list[Word | None]:
    """A read that may be cached."""
    return []


def of_a_closure() -> Any:
    """A read that was made for one scope."""
    scope = SYSTEM

    async def read(everyone: Everyone, ids: Sequence[UUID]) -> list[Word | None]:
        return [Word(scope.role)]

    return read


class TestDeclaring:
    """What depends on the viewer is refused before anything is read."""

    @pytest.mark.parametrize(
        "read",
        [
            Accounts.users_by_id,
            Accounts.__new__(Accounts).users_by_id,
            functools.partial(of_a_scope, scope=SYSTEM),
            of_a_lease,
            of_loaders,
            of_a_scope,
            of_a_default,
            of_a_closure(),
            of_nothing,
        ],
        ids=lambda read: getattr(read, "__qualname__", "partial"),
    )
    def test_a_read_that_could_know_the_viewer_is_refused(self, read: Any) -> None:
        with pytest.raises(ViewerDependent):
            Cached("contract_refused", Word, read, cleared_by="nobody")

    def test_a_key_that_names_a_scope_is_refused(self) -> None:
        scope = Scope(user_id=uuid4(), role="teacher")
        for asked in (scope, (uuid4(), scope), object(), 1.5, b"x", frozenset()):
            with pytest.raises(TypeError, match=r"^a key is made of ids, texts and numbers, not of a "):
                COURSES.key(asked)  # type: ignore[arg-type]

    async def test_a_question_that_names_a_scope_is_not_even_asked(self) -> None:
        redis: Any = Redis("redis://127.0.0.1:1")
        with pytest.raises(TypeError, match=r"^a key is made of ids, texts and numbers, not of a Scope$"):
            await Cache(only(redis, redis)).read(COURSES, [SYSTEM])  # type: ignore[list-item]
        await redis.close()

    def test_different_questions_have_different_keys_of_one_slot(self) -> None:
        asked: list[Any] = [
            uuid4(),
            "a",
            "A",
            'a"',
            "*",
            "a\r\nb",
            "\ud800",
            2**70,
            1,
            None,
            ("a", 1),
            ("a", "1"),
            (("a",), 1),
            (),
        ]
        made = [COURSES.key(each) for each in asked]
        assert len(set(made)) == len(asked)
        assert {key.rpartition(":")[0] for key in made} == {f"cache:{{{COURSES.place}}}"}
        assert all(set(key.rpartition(":")[2]) <= set("0123456789abcdef") for key in made)

    @pytest.mark.parametrize("name", ["", "Courses", "my courses", "a" * 32, "a.b", "a}b", "a\r\nb", "*"])
    def test_a_strange_name_never_becomes_a_key(self, name: str) -> None:
        with pytest.raises(ValueError, match=r"^not a cache's name$"):
            Cached(name, Word, of_everyone, cleared_by="nobody")
        with pytest.raises(ValueError, match=r"^not a cache's name$"):
            keys.last_good(name, b"")

    def test_no_two_caches_have_one_name(self) -> None:
        with pytest.raises(ValueError, match=r"^there is a cache 'contract_courses' already$"):
            Cached("contract_courses", Word, of_everyone, cleared_by="nobody")

    def test_only_a_cache_says_stale(self) -> None:
        assert degradation(COURSES) is Degrades.STALE
        with pytest.raises(Undeclared, match=r"^STALE is what a read with a cache of last good values says"):
            degrades(Degrades.STALE)
        with pytest.raises(Undeclared, match=r"courses_by_id does not say what the failure of its store means$"):
            degradation(courses_by_id)

    def test_who_answers_by_several_reads_fails_as_the_worst_of_them(self) -> None:
        @degrades(Degrades.NULL)
        def null() -> None: ...

        @degrades(Degrades.ERROR)
        def error() -> None: ...

        @degrades(None)
        def unharmed() -> None: ...

        def said(*reads: Any) -> Degrades | None:
            return degradation(degrades_with(*reads)(lambda: None))

        assert said(COURSES) is Degrades.STALE
        assert said(COURSES, null) is Degrades.NULL
        assert said(null, error, COURSES, unharmed) is Degrades.ERROR
        assert said(unharmed) is None

    def test_the_readme_names_each_counter(self) -> None:
        readme = Path(datadir.redis.__path__[0], "README.md").read_text(encoding="utf-8")
        counters = {f"{name}_total" for each in (READS, WRITES, CLEARS) for name in [each.describe()[0].name]}
        assert {row.split("`")[1] for row in readme.splitlines() if row.startswith("| `studygraph_")} == counters


class Inner(NamedTuple):
    """A part of a record."""

    score: float | None
    day: date


class Outer(NamedTuple):
    """One of everything."""

    id: UUID
    at: datetime
    words: tuple[str, ...]
    parts: tuple[Inner, ...]
    part: Inner
    count: int
    share: float
    yes: bool
    maybe: UUID | None


WHOLE = Outer(
    uuid4(),
    datetime(2026, 11, 21, 9, 30, 0, 123456, UTC),
    ("Grüße\r\n", "数学\x00"),
    (Inner(0.1, date(2026, 1, 2)), Inner(None, date(1, 1, 1))),
    Inner(-0.0, date(9999, 12, 31)),
    -(2**63),
    3,
    False,
    None,
)


class TestShape:
    """A record comes back as it was, or not at all."""

    def test_a_record_comes_back_as_it_was(self) -> None:
        shape = Shape(Outer)
        again = shape.read(shape.written(WHOLE))
        assert again == WHOLE
        assert [type(each) for each in again] == [UUID, datetime, tuple, tuple, Inner, int, float, bool, type(None)]

    def test_other_fields_are_another_shape(self) -> None:
        class Renamed(NamedTuple):
            term: str

        class Retyped(NamedTuple):
            word: str | None

        class Same(NamedTuple):
            word: str

        assert Shape(Same).digest == Shape(Word).digest
        digests = {Shape(each).digest for each in (Word, Renamed, Retyped, Outer)} | {Shape(Word, version=2).digest}
        assert len(digests) == 5

    @pytest.mark.parametrize(
        "kind", [dict[str, str], list[str], tuple[str, int], bytes, Any, str | int, set[str]], ids=str
    )
    def test_what_would_not_come_back_the_same_is_refused(self, kind: Any) -> None:
        with pytest.raises(Unwritable, match=r"^a field of type .* would not come back the same$"):
            Shape(NamedTuple("Odd", [("odd", kind)]))

    def test_a_row_of_the_driver_is_refused(self) -> None:
        class WordRow(Row):
            __slots__ = ()
            word: str

        with pytest.raises(Unwritable, match=r"WordRow is no NamedTuple$"):
            Shape(WordRow)

    def test_a_value_that_json_has_no_word_for_is_not_written(self) -> None:
        for odd in ("\ud800", object(), 2**64):
            with pytest.raises(TypeError):
                Shape(Word).written(Word(odd))  # type: ignore[arg-type]

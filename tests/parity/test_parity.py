"""Do the stores tell each viewer what was promised? 500 cases here; 10,000, and each predicate, by `make parity`."""

from __future__ import annotations

import ast
import inspect
import re
import shutil
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import pytest
import pytest_asyncio

from tests.folders import passable_folder
from tests.parity import oracle, oracle_of_rows, school
from tests.parity.asking import Asked, asked_school
from tests.parity.cases import READS, SOME, cases, compared
from tests.parity.predicates import TAUGHT_ALL, UNNOTICED, parts_taken_away, predicates
from tests.prepared import copy_of_school

SEED: Final = 4_711
MOMENT: Final = datetime(2026, 11, 21, 9, tzinfo=UTC)
# Of each store one, and a door, each with a read that notices; the others are taken away by `make parity`.
GONE: Final = {
    "policy meetings_read opened": "the row of a meeting",
    "policy users_read without «(id = ( SELECT app_user_id() AS app_user_id))»": "the row of a person",
    "loaders.meetings.Meetings._transcripts: «scope.sees_all» is always True": "a transcript",
    "loaders.library.Library._visible: «scope.sees_all» is always True": "a passage",
    "loaders.accounts.PREAMBLE: «» for «session[1] ~= ARGV[5] or»": "a session that one goes on with",
    "datadir.minio.embedded.FolderObjects.open_link: «method != 'GET'» is always False": "the link to a document",
    "resolvers.access.accounts.reads_as_teacher: «user.taught» is always True": "the engagement of a person",
    f"datadir.postgresql.lease.Lease._begun: «{TAUGHT_ALL}» for «self._reach.sql»": "the viewer's own classrooms",
}


@pytest_asyncio.fixture(scope="module")
async def asked(kept_school: Path) -> AsyncIterator[Asked]:
    with passable_folder() as folder:
        # The folder of a school that is there: making one anew takes three times as long.
        async with asked_school(await copy_of_school(kept_school, folder / "data"), SEED) as asked:
            yield asked
        shutil.rmtree(folder / "data")


async def test_five_hundred_answers_are_what_was_promised(asked: Asked) -> None:
    report = await compared(asked, cases(asked.school, 500, SEED))
    assert report.differences == [], "\n".join(report.differences)
    assert report.compared == 500
    # It is no use to ask for nothing but what is hidden, nor in one store alone.
    assert 50 < report.shown < 450
    assert set(report.of_store) == {"postgresql", "mongodb", "qdrant", "redis", "cassandra", "minio"}


@pytest.mark.parametrize("said", GONE)
async def test_a_predicate_that_is_gone_is_noticed_and_comes_back(said: str, asked: Asked) -> None:
    [predicate] = [each for each in await predicates(asked.owner_dsn) if each.said == said]
    chosen = [each for each in cases(asked.school, 10**9, SEED) if each.read.name == GONE[said]]
    async with predicate.gone():
        assert (await compared(asked, chosen, most=1)).differences
    assert (await compared(asked, chosen[:100])).differences == []


async def test_a_difference_is_told_in_words(asked: Asked) -> None:
    [opened] = [each for each in await predicates(asked.owner_dsn) if each.said == "policy meetings_read opened"]
    chosen = [each for each in cases(asked.school, 10**9, SEED) if each.read.name == "the row of a meeting"]
    async with opened.gone():
        difference, *_ = (await compared(asked, chosen, most=1)).differences
    words = r"\w+ \d+ \(.{36}\) asks postgresql for the row of a meeting, Meeting .{36}: "
    assert re.fullmatch(words + r"promised 'NOT_FOUND', told 'Classroom \d, meeting \d'", difference)


async def test_what_is_not_noticed_has_a_reason_and_is_there(asked: Asked) -> None:
    said = [each.said for each in await predicates(asked.owner_dsn)]
    assert len(said) == len(set(said)) > 100
    assert set(UNNOTICED) <= set(said)


def test_the_oracle_takes_nothing_from_the_program() -> None:
    taken = set[str]()
    for module in (oracle, oracle_of_rows, school):
        tree = ast.parse(inspect.getsource(module))
        taken |= {each.module or "" for each in ast.walk(tree) if isinstance(each, ast.ImportFrom)}
        taken |= {name.name for each in ast.walk(tree) if isinstance(each, ast.Import) for name in each.names}
    assert {each.partition(".")[0] for each in taken} & {"graph", "resolvers", "loaders", "datadir"} == set()
    assert {each for each in taken if each.startswith("tests")} == {
        "tests.parity.oracle_of_rows",
        "tests.parity.school",
    }


def test_a_school_and_its_cases_are_those_of_their_seed() -> None:
    one = school.a_school(SEED, MOMENT)
    assert one == school.a_school(SEED, MOMENT)
    assert one.members != school.a_school(SEED + 1, MOMENT).members
    every = cases(one, 10**9, SEED)
    assert len(every) > 15_000
    assert cases(one, 700, SEED) == every[:700]
    pairs = {(each.viewer.id, each.read.name) for each in every[: SOME * len(READS) * len(one.viewers)]}
    assert len(pairs) == len(READS) * len(one.viewers), "each viewer, by each way"


def test_each_alternative_and_each_condition_of_a_policy_is_taken_away() -> None:
    policy = "(sees_all() OR (EXISTS ( SELECT FROM m WHERE ((m.a = b) AND (m.c = d)))))"
    assert dict(parts_taken_away(policy)) == {
        "sees_all()": "((EXISTS ( SELECT FROM m WHERE ((m.a = b) AND (m.c = d)))))",
        "(EXISTS ( SELECT FROM m WHERE ((m.a = b) AND (m.c = d))))": "(sees_all())",
        "(m.a = b)": "(sees_all() OR (EXISTS ( SELECT FROM m WHERE ((m.c = d)))))",
        "(m.c = d)": "(sees_all() OR (EXISTS ( SELECT FROM m WHERE ((m.a = b)))))",
    }

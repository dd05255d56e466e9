"""What is answered to documents that went wrong? Tokens of good ones deleted, swapped, doubled, replaced.

Each gets an error with a code, or graphql-core's answer; nothing raises, nothing is masked as a defect.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any, Final

from graphql import Lexer, Source, TokenKind

from graph.app import Answer
from graph.explorer.tabs import demo_ids
from graph.schema import graphql_schema
from tests.corpus.comparison import written
from tests.corpus.corpus import Progress
from tests.corpus.generator import Case, Generator
from tests.corpus.served import answer, graph
from tests.queries.triple import triples

_STRANGERS: Final = ("{", "}", "(", ")", "...", "@", "$", "!", "null", "on", "fragment", "__typename", "7", '"x"', "id")
_WORST: Final = frozenset({"INTERNAL_SERVER_ERROR"})


@dataclass(slots=True)
class Mutations:
    """What mutated documents were answered: by the code of the first error, or as data."""

    seed: int
    codes: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        told = ", ".join(f"{code} {count:,}" for code, count in self.codes.most_common())
        return f"{self.codes.total():,} mutated documents from seed {self.seed}: {len(self.wrong)} wrong; {told}"


async def run(count: int, seed: int, *, most_wrong: int = 10, done: Progress | None = None) -> Mutations:
    """Send `count` mutated documents through both executions. Stops early at `most_wrong`."""
    compiled, core = graph("compiled"), graph("graphql-core")
    # A document is parsed and validated once; how it then runs is each graph's own.
    core.documents = compiled.documents
    report = Mutations(seed)
    for number, case in enumerate(_cases(count, seed), 1):
        try:
            ours, theirs = await answer(compiled, case), await answer(core, case)
        except Exception as error:
            report.wrong.append(f"raised {error!r}\n{case}")
            continue
        errors = ours.body.get("errors", [])
        codes = [each.get("extensions", {}).get("code") for each in errors]
        report.codes[codes[0] if codes else "data"] += 1
        if not all(isinstance(code, str) for code in codes) or _WORST.intersection(codes):
            report.wrong.append(f"answered {errors}\n{case}")
        elif _compared(ours) != _compared(theirs):
            report.wrong.append(f"compiled {ours}\ncore {theirs}\n{case}")
        if len(report.wrong) >= most_wrong:
            break
        if done is not None:
            done(number)
    return report


def _compared(answer: Answer) -> Any:
    errors = sorted(json.dumps(each, sort_keys=True) for each in answer.body.get("errors", []))
    return answer.status, errors, written(answer.body.get("data")), answer.executed


def _cases(count: int, seed: int) -> Iterator[Case]:
    random = Random(seed)
    good = [*_asked(), *generated(seed)]
    for _ in range(count):
        case = random.choice(good)
        yield replace(case, document=mutated(random, case.document))


def _asked() -> Iterator[Case]:
    ids = demo_ids()
    for triple in triples():
        text = triple.question.read_text(encoding="utf-8")
        yield Case(0, text, triple.variables(ids), None, "teacher", None)


def generated(seed: int) -> Iterator[Case]:
    """Generated documents that are short."""
    made = Generator(graphql_schema(), failures=False)
    cases = (made.case(seed * 1_000_003 + number) for number in range(400))
    # Short ones: a mutation of a long document is wrong nearly always.
    return (case for case in cases if len(case.document) < 600)


def mutated(random: Random, document: str) -> str:
    """A document with one to three tokens deleted, swapped, doubled or replaced."""
    tokens = _tokens(document)
    for _ in range(random.choice((1, 1, 1, 2, 3))):
        # Names above all: without its braces a document is not even read.
        names = [place for place, token in enumerate(tokens) if token.isidentifier()]
        at = random.choice(names if names and random.random() < 0.7 else range(len(tokens)))
        match random.choice(("delete", "delete", "swap", "double", "double", "replace")):
            case "delete" if len(tokens) > 1:
                del tokens[at]
            case "swap":
                other = random.choice(names or range(len(tokens)))
                tokens[at], tokens[other] = tokens[other], tokens[at]
            case "double":
                tokens.insert(at, tokens[at])
            case _:
                tokens[at] = random.choice((*_STRANGERS, random.choice(tokens)))
    return " ".join(tokens)


def _tokens(document: str) -> list[str]:
    lexer = Lexer(Source(document))
    tokens: list[str] = []
    while (token := lexer.advance()).kind is not TokenKind.EOF:
        tokens.append(document[token.start : token.end])
    return tokens


def told(wrong: Sequence[str]) -> str:
    """What went wrong, to be read."""
    return "\n\n".join(wrong)

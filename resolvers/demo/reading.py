"""What do the packaged texts say? Lessons, transcripts, documents and assessments, read from plain text files.

The forms, one folder per classroom: `lessons.txt` has a line per meeting in order of time (mark, title, description,
summary of the recording), `transcript-N.txt` a line per turn (`T:` teacher, `S1:`-`S6:` speakers, `G Name:` a guest),
`document-N.txt` pages under `=== page n`, `assessments.txt` questions with options (`*` right, `-` wrong) or sample
answers (`+` full marks, `~` weaker ones, best first).
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Final, NamedTuple

TEXTS: Final = Path(__file__).resolve().parent / "texts"
LESSONS_WITH_TRANSCRIPT: Final = ("1", "2", "3")

_TURN: Final = re.compile(r"(T|S[1-6]|G [^:]+): (.+)")


class LessonText(NamedTuple):
    """One meeting. `mark`: `-` held, `x` cancelled, `!` going on now, `>` to come, a digit: held, with that
    transcript."""

    mark: str
    title: str
    description: str
    summary: str | None


class Turn(NamedTuple):
    """One stretch of speech: `speaker` is T, S1 to S6, or a guest's name."""

    speaker: str
    text: str


class TranscriptText(NamedTuple):
    """A lesson as it was spoken."""

    title: str
    language: str
    turns: tuple[Turn, ...]


class DocumentText(NamedTuple):
    """A document with the text of its pages."""

    title: str
    filename: str
    document_type: str
    pages: tuple[str, ...]


class QuestionText(NamedTuple):
    """A question. `right` is the right option or the model answer, `others` wrong options or weaker answers."""

    type: str
    points: int
    text: str
    right: str
    others: tuple[str, ...]
    options: tuple[str, ...]


class AssessmentText(NamedTuple):
    """A quiz, an exam or an assignment."""

    type: str
    title: str
    description: str
    questions: tuple[QuestionText, ...]


def _lines(classroom: str, name: str) -> list[str]:
    return (TEXTS / classroom / f"{name}.txt").read_text(encoding="utf-8").splitlines()


def _head(lines: list[str]) -> tuple[dict[str, str], list[str]]:
    """The `name: value` lines above the first empty one, and the rest."""
    end = lines.index("")
    return dict(line.split(": ", 1) for line in lines[:end]), lines[end + 1 :]


@cache
def lessons(classroom: str) -> tuple[LessonText, ...]:
    """The ten meetings of a classroom, oldest first."""
    made = []
    for line in _lines(classroom, "lessons"):
        mark, _, rest = line.partition(" ")
        title, description, *summary = rest.split(" | ")
        made.append(LessonText(mark, title, description, summary[0] if summary else None))
    return tuple(made)


@cache
def transcript(classroom: str, number: str) -> TranscriptText:
    """One of the three transcripts of a classroom."""
    head, body = _head(_lines(classroom, f"transcript-{number}"))
    turns = []
    for line in filter(None, body):
        found = _TURN.fullmatch(line)
        if found is None:
            raise ValueError(f"{classroom}/transcript-{number}: no speaker in {line[:40]!r}")
        turns.append(Turn(found[1].removeprefix("G "), found[2]))
    return TranscriptText(head["title"], head["language"], tuple(turns))


@cache
def document(classroom: str, number: int) -> DocumentText:
    """One of the two documents of a classroom."""
    head, body = _head(_lines(classroom, f"document-{number}"))
    pages = re.split(r"^=== page \d+\n", "\n".join(body), flags=re.MULTILINE)[1:]
    return DocumentText(
        head["title"], head["filename"], head["document_type"], tuple(page.strip("\n") for page in pages)
    )


@cache
def assessments(classroom: str) -> tuple[AssessmentText, ...]:
    """The four assessments of a classroom, oldest first."""
    made = []
    text = "\n".join(_lines(classroom, "assessments"))
    for block in re.split(r"^= ", text, flags=re.MULTILINE)[1:]:
        head, *questions = block.strip().split("\n? ")
        kind, title, description = head.split(" | ")
        made.append(AssessmentText(kind, title, description, tuple(map(_question, questions))))
    return tuple(made)


def _question(block: str) -> QuestionText:
    head, *lines = block.split("\n")
    kind, _, rest = head.partition(" ")
    points, text = rest.split(" | ", 1)
    right = next(line[2:] for line in lines if line[0] in "*+")
    others = tuple(line[2:] for line in lines if line[0] in "-~")
    options = tuple(line[2:] for line in lines) if lines[0][0] in "*-" else ()
    return QuestionText(kind, int(points), text, right, others, options)

"""How are many wrong requests sent, and what came of them? Some at a time, each judged; the sum is a report."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Final

from tests.fuzz.exchange import exchanged
from tests.fuzz.judging import complaint, told
from tests.fuzz.numbered import made
from tests.fuzz.requests import Sent, Tokens

AT_ONCE: Final = 8
Done = Callable[[int], None]


@dataclass(slots=True)
class Report:
    """What requests were answered, by what was wrong with them and in a word what the answer was."""

    seed: int
    answers: Counter[tuple[str, str]] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)

    @property
    def sent(self) -> int:
        """How many there were."""
        return self.answers.total()

    def of(self, kind: str) -> Counter[str]:
        """The answers to one kind of request."""
        return Counter({word: count for (each, word), count in self.answers.items() if each == kind})

    def __str__(self) -> str:
        lines = [f"{self.sent:,} requests from seed {self.seed}: {len(self.wrong)} wrong"]
        for kind in sorted({kind for kind, _ in self.answers}):
            words = ", ".join(f"{word} {count:,}" for word, count in self.of(kind).most_common())
            lines.append(f"  {kind}: {words}")
        return "\n".join(lines)


async def sent_and_judged(
    host: str,
    port: int,
    report: Report,
    numbers: Iterable[int],
    tokens: Callable[[], Tokens],
    *,
    most_wrong: int = 20,
    done: Done | None = None,
) -> None:
    """Send the requests of these numbers and write the answers down. Stops early at `most_wrong`."""
    waiting = iter(numbers)

    async def one_after_another() -> None:
        for number in waiting:
            if len(report.wrong) >= most_wrong:
                return
            sent = made(report.seed, number, tokens())
            try:
                heard = await exchanged(host, port, sent)
                report.answers[sent.kind, told(heard)] += 1
                found = complaint(sent, heard)
            except Exception as error:
                report.answers[sent.kind, "unreadable"] += 1
                found = f"unreadable: {error!r}"
            if found is not None:
                report.wrong.append(_case(report.seed, number, sent, found))
            if done is not None:
                done(report.sent)

    await asyncio.gather(*(one_after_another() for _ in range(AT_ONCE)))


def _case(seed: int, number: int, sent: Sent, found: str) -> str:
    """A wrong answer with what it answers; tokens are cut."""
    frames = "".join(f"\n  then {frame[:600]!r}" for frame in sent.frames)
    return f"seed {seed}, number {number}, {sent.kind}: {found}\n  {sent.wire[:1500]!r}{frames}"

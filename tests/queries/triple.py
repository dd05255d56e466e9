"""A question, its answer, its cost: three files of one name.

`x.graphql` begins with `# as: teacher` (or anonymous) and `# variables: {...}`, where `$name` is an id of the demo and
`$Type:key` one that the demo has no name for.
`x.json` is the whole response but the ledger; what differs from run to run is written as `{{...}}`:
`{{start-2d}}` a day or a moment relative to the school's start, `{{now+15m}}` one relative to the clock of the tests,
`{{link}}`, `{{token}}`, `{{cursor}}`, `{{ms}}`, `{{version}}`.
`x.calls` is the ledger's calls by store.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from graph.ids import encode
from resolvers.demo.named import NAMED
from tests.running_school import RunningSchool

HERE = Path(__file__).parent
_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
_DAY = re.compile(r"\d{4}-\d\d-\d\d")


@dataclass(frozen=True)
class Triple:
    """The three files of one question."""

    question: Path

    @property
    def name(self) -> str:
        """Where it is, below this folder."""
        return str(self.question.relative_to(HERE).with_suffix(""))

    @property
    def answer(self) -> Path:
        """The expected response."""
        return self.question.with_suffix(".json")

    @property
    def calls(self) -> Path:
        """The expected store calls."""
        return self.question.with_suffix(".calls")

    def account(self) -> str | None:
        """Who asks."""
        name = self._header("as") or "teacher"
        return None if name == "anonymous" else name

    def variables(self, ids: dict[str, str]) -> dict[str, Any]:
        """What is asked for; `$name` is the id of that name."""
        found: dict[str, Any] = json.loads(self._header("variables") or "{}")

        def filled(value: Any) -> Any:
            if isinstance(value, str) and value.startswith("$"):
                type_name, colon, key = value[1:].partition(":")
                return encode(type_name, key) if colon else ids[type_name]
            if isinstance(value, list):
                return [filled(each) for each in value]
            if isinstance(value, dict):
                return {key: filled(each) for key, each in value.items()}
            return value

        filled_in: dict[str, Any] = filled(found)
        return filled_in

    def _header(self, key: str) -> str | None:
        match = re.search(rf"^# {key}: (.*)$", self.question.read_text(encoding="utf-8"), re.MULTILINE)
        return match[1] if match else None


def triples() -> list[Triple]:
    """All questions, by name."""
    return [Triple(path) for path in sorted(HERE.rglob("*.graphql"))]


async def only_who_asks_is_here(school: RunningSchool) -> None:
    """Every demo account was seen just now, and nobody whom other tests have let in."""
    redis = school.services.stores.redis.raw
    seen = await redis.keys("presence:*")
    if seen:
        await redis.delete(*seen)
    for account in NAMED.accounts:
        await school.ask("{ viewer { id } }", None, account)


async def asked(triple: Triple, school: RunningSchool) -> tuple[Any, dict[str, int]]:
    """The answer, masked, and the ledger's calls by store."""
    response = await school.ask(
        triple.question.read_text(encoding="utf-8"), triple.variables(school.ids), triple.account()
    )
    ledger = response.pop("extensions", {}).get("ledger", {})
    answer = masked(response, school.start, school.now)
    # Errors of different fields come in no particular order.
    answer.get("errors", []).sort(key=lambda error: json.dumps([error.get("path"), error["message"]]))
    return answer, {store: entry["calls"] for store, entry in ledger.items()}


def masked(value: Any, start: datetime, now: datetime, key: str = "") -> Any:
    """A response with what differs from run to run written as `{{...}}`."""
    if isinstance(value, dict):
        return {name: masked(each, start, now, name) for name, each in value.items()}
    if isinstance(value, list):
        return [masked(each, start, now, key) for each in value]
    if isinstance(value, float) and key == "score":
        return round(value, 4)
    if isinstance(value, float) and key == "latencyMs":
        return "{{ms}}"
    if not isinstance(value, str):
        return value
    if key == "version":
        return "{{version}}"
    if key.endswith("Url") and value.startswith("http"):
        return "{{link}}"
    if key.endswith("Token"):
        return "{{token}}"
    if key == "cursor" or key.endswith("Cursor"):
        return "{{cursor}}"
    if _MOMENT.fullmatch(value):
        moment = datetime.fromisoformat(value)
        # What happens during the tests is told by the clock; the school's own times are full minutes.
        if key in ("lastSeenAt", "lastLoginAt", "expiresAt"):
            return f"{{{{now{_relative(moment - now)}}}}}"
        return f"{{{{start{_relative(moment - start)}}}}}"
    if _DAY.fullmatch(value):
        days = date.fromisoformat(value) - start.astimezone(UTC).date()
        return f"{{{{start{_relative(days)}}}}}"
    return value


def _relative(distance: timedelta) -> str:
    sign = "-" if distance < timedelta(0) else "+"
    distance = abs(distance)
    hours, rest = divmod(distance.seconds, 3600)
    minutes, seconds = divmod(rest, 60)
    parts = [(distance.days, "d"), (hours, "h"), (minutes, "m"), (seconds, "s"), (distance.microseconds // 1000, "ms")]
    text = "".join(f"{number}{unit}" for number, unit in parts if number)
    return f"{sign}{text}" if text else ""

"""Was this done before? Then it is answered as it was then; what is new is done, and its answer kept.

A key stands for a root field, and so does what is kept: one of several that was done before is told again, the others
are done. Several are run one after the other, each as an operation of its own, so that what one answers says nothing of
the others.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final

import orjson
from graphql import ExecutionResult

from graph.answers import Answer, told
from graph.errors import cause_of, formatted
from graph.execution.documents import Document
from graph.execution.keyed import Keyed, KeyedField
from resolvers.audit import settled
from resolvers.errors import AnswerMissing, OutOfTime, Repeated
from resolvers.idempotency import KeyRecord, Once
from resolvers.operation import Operation

PATIENCE: Final = 2.0
"""Seconds for which an answer is waited for that somebody else is about to have."""
FIRST_PAUSE: Final = 0.01
"""Seconds between two looks at first; each is twice as long as the one before, to LONGEST_PAUSE."""
LONGEST_PAUSE: Final = 0.25
ROUNDS: Final = 3
"""How often a field is tried that somebody else did, of whom nothing is then left."""

Run = Callable[[Document], Awaitable[ExecutionResult]]
Part = dict[str, Any]
"""What one field answers, as it is kept: `data`, its value, which is not there where it made the whole data null; and
`errors`, where it has some."""


async def answered_once(asked: Keyed, document: Document, operation: Operation, run: Run) -> Answer:
    """The answer to an operation whose fields have keys; `extensions.replayed` names those that were done before.

    Raises KeyReused, AnswerMissing, StoreUnavailable, OutOfTime: of what is not done then nothing is done."""
    assert operation.viewer is not None
    once = operation.once = Once(
        operation.services, operation.viewer.user_id, {each.key: each.asked for each in asked.fields}
    )
    known = await _known(operation, once, [each.key for each in asked.fields])
    parts: dict[str, Part] = {}
    fresh: dict[str, str] = {}
    try:
        for field in asked.fields:
            part = _read(known.get(field.key))
            if part is None:
                here = document if len(asked.names) == 1 else field.alone
                part, replayed = await _tried(field, here, operation, once, run)
                if not replayed:
                    fresh[field.key] = orjson.dumps(part).decode()
                    known.pop(field.key, None)
            parts[field.name] = part
            if "data" not in part:
                # There is no answer any more: what comes after it must not happen.
                break
    finally:
        if operation.reads is not None or operation.audited:
            await settled(operation)
        await once.keep(fresh)
    return _together(asked, parts, [each.name for each in asked.fields if each.name in parts and each.key not in fresh])


async def _tried(
    field: KeyedField, document: Document, operation: Operation, once: Once, run: Run
) -> tuple[Part, bool]:
    """What a field answers; whether somebody else has done it meanwhile, who answered that."""
    for _ in range(ROUNDS):
        result = await run(document)
        errors = result.errors or ()
        if not any(isinstance(cause_of(each), Repeated) for each in errors):
            return _part(field, result, operation.request_id), False
        part = _read((await _known(operation, once, [field.key])).get(field.key))
        if part is not None:
            return part, True
    raise AnswerMissing


async def _known(operation: Operation, once: Once, keys: Sequence[str]) -> dict[str, KeyRecord]:
    """What was done under these keys, each with its answer. Raises AnswerMissing where one does not come."""
    clock = asyncio.get_running_loop().time
    end, pause, waits = clock() + PATIENCE, FIRST_PAUSE, False
    while True:
        try:
            found = await operation.deadline.within(once.known(keys))
            unanswered = [each for each in found.values() if each.answer is None]
            if not unanswered:
                return found
            waits = True
            if clock() + pause > end or not all(map(once.may_come, unanswered)):
                raise AnswerMissing
            await operation.deadline.within(asyncio.sleep(pause))
        except OutOfTime:
            if waits:
                raise AnswerMissing from None
            raise
        pause = min(2 * pause, LONGEST_PAUSE)


def _read(record: KeyRecord | None) -> Part | None:
    if record is None or record.answer is None:
        return None
    part: Part = orjson.loads(record.answer)
    return part


def _part(field: KeyedField, result: ExecutionResult, request_id: str) -> Part:
    part: Part = {}
    if result.data is not None:
        part["data"] = result.data[field.name]
    if result.errors:
        part["errors"] = formatted(result.errors, request_id)
    return part


def _together(asked: Keyed, parts: dict[str, Part], replayed: list[str]) -> Answer:
    errors = [error for part in parts.values() for error in part.get("errors", ())]
    data: dict[str, Any] | None = None
    if all("data" in part for part in parts.values()):
        data = {name: parts[name]["data"] if name in parts else asked.kind.name for name in asked.names}
    answer = told(data, errors)
    if replayed:
        answer.body["extensions"] = {"replayed": replayed}
    return answer

"""What does the audit log hear of an operation? What an administrator read of others, and what was done to whom.

Reads are gathered while the operation runs and written when it is over, before its answer leaves: whoever is no
administrator reads what is theirs, has no `Reads`, and waits for nothing. A change is written in the transaction that
makes it: one is not there without the other.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterable, Sequence
from functools import wraps
from typing import TYPE_CHECKING, Any, Concatenate, Final, NamedTuple, ParamSpec, Protocol, TypeVar
from uuid import UUID

import structlog

from datadir.errors import StoreError
from loaders.audit_log import AuditRow, append
from resolvers.errors import Forbidden, NotFound

if TYPE_CHECKING:
    from datadir.postgresql.client import Transaction
    from resolvers.operation import Operation

log = structlog.get_logger("studygraph.audit")

READ: Final = "read"
DONE: Final = "done"
REFUSED: Final = "refused"


class Payload(Protocol):
    """What a verb answers: with problems, nothing was done."""

    @property
    def errors(self) -> Sequence[Any]:
        """What is wrong with the input."""


P = ParamSpec("P")
R = TypeVar("R", bound=Payload)
Verb = Callable[Concatenate["Operation", P], Coroutine[Any, Any, R]]


class Concern(NamedTuple):
    """Whom a type's records concern, or what: the type of that, and the attribute of the record with its key."""

    kind: str
    attribute: str


class Reads:
    """What an administrator reads, in one operation, of records that are not their own."""

    __slots__ = ("actor_id", "fields", "known", "subjects")

    def __init__(self, actor_id: UUID) -> None:
        self.actor_id = actor_id
        self.subjects: set[str] = set()
        self.fields: set[str] = set()
        # Oneself, and whom this operation has changed: that row names them already.
        self.known = {f"User:{actor_id}"}

    def saw(self, concern: Concern, fields: Iterable[str], records: Iterable[Any]) -> None:
        """These fields ("Type.field") of these records are read."""
        kind, attribute = concern
        subjects = {f"{kind}:{getattr(record, attribute)}" for record in records} - self.known
        if subjects:
            self.subjects |= subjects
            self.fields.update(fields)


async def settled(operation: Operation) -> None:
    """Write what was read, and keep the log's head; a row is forgotten once it is written. Raises StoreUnavailable:
    what was read must then be shown to nobody."""
    read = [each for each in (*operation.read_before, operation.reads) if each is not None and each.subjects]
    changed, operation.audited = operation.audited, False
    if not read and not changed:
        return
    rows = [_row(operation, each.actor_id, READ, DONE, each.subjects, each.fields) for each in read]
    try:
        await operation.stores.audit.write(rows)
    except StoreError as error:
        if rows:
            raise
        # What was done is done, and its row with it: only the head waits for the next one.
        log.warning("the head of the audit log is not kept", reason=str(error))
    for each in read:
        each.subjects, each.fields = set(), set()


async def changed(
    operation: Operation, tx: Transaction, action: str, people: Sequence[UUID], fields: Sequence[str]
) -> None:
    """`action`, the verb as the schema names it, does something to these people in `tx`, which must be about to end:
    until it does nobody else's row is written. `fields` are "Type.field". One store call."""
    assert operation.viewer is not None
    subjects = [f"User:{each}" for each in people]
    await append(tx, _row(operation, operation.viewer.user_id, action, DONE, subjects, fields))
    operation.audited = True
    if operation.reads is not None:
        operation.reads.known.update(subjects)


def audits(action: str) -> Callable[[Verb[P, R]], Verb[P, R]]:
    """Declare that a verb is audited: it calls `changed` where it does something, and what is refused leaves a row that
    says so."""

    def declare(verb: Verb[P, R]) -> Verb[P, R]:
        @wraps(verb)
        async def attempted(operation: Operation, /, *args: P.args, **more: P.kwargs) -> R:
            try:
                payload = await verb(operation, *args, **more)
            except (Forbidden, NotFound):
                await _refused(operation, action)
                raise
            if payload.errors:
                await _refused(operation, action)
            return payload

        return attempted

    return declare


async def _refused(operation: Operation, action: str) -> None:
    """Nothing was done: where that cannot be written either, nothing is lost."""
    if operation.viewer is None:
        return
    try:
        await operation.stores.audit.write([_row(operation, operation.viewer.user_id, action, REFUSED, (), ())])
    except StoreError as error:
        log.warning("a refused attempt is not in the audit log", action=action, reason=str(error))


def _row(
    operation: Operation, actor_id: UUID, action: str, outcome: str, subjects: Iterable[str], fields: Iterable[str]
) -> AuditRow:
    return AuditRow(
        actor_id, action, operation.name or "", operation.request_id, outcome, sorted(subjects), sorted(fields)
    )

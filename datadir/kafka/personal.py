"""Which parts of an event are closed on the way in, and opened on the way out? Every way in and out passes here.

What is closed stays so wherever events rest: in the outbox, in Kafka, in the logs and backups of both.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import UUID

from datadir.kafka.event_types import EventType, type_of
from datadir.kafka.sealing import ERASED, TAMPERED, taken_apart

if TYPE_CHECKING:
    from datadir.kafka.event import Delivery, Event
    from datadir.kafka.sealing import LearnerKey
    from datadir.postgresql.client import Transaction
    from datadir.postgresql.learner_keys import LearnerKeys

log = logging.getLogger(__name__)


async def closed(tx: Transaction, events: Sequence[Event], keys: LearnerKeys) -> list[Event]:
    """The same events with their personal fields sealed; what is empty is no text and stays. No store call where
    nothing is personal or all keys are at hand, else one.

    ValueError for a type that is not declared, in another version, or personal and without a learner."""
    learners: list[UUID | None] = []
    for event in events:
        kind = type_of(event.topic, event.type)
        if event.version != kind.version:
            raise ValueError(f"{event.type!r} is at version {kind.version}, this event at {event.version}")
        learners.append(kind.learner_of(event) if _texts(event, kind) else None)
    wanted = {learner for learner in learners if learner is not None}
    if not wanted:
        return list(events)
    found = await keys.for_sealing(tx, wanted)
    return [
        event if learner is None else _closed(event, found[learner])
        for event, learner in zip(events, learners, strict=True)
    ]


async def opened(deliveries: Sequence[Delivery], keys: LearnerKeys, tx: Transaction | None = None) -> list[Delivery]:
    """The same deliveries with their personal fields as they were appended; ERASED where the key is gone, TAMPERED
    where something else stands there. No store call where all keys are at hand, else one; `tx` is the program's own
    transaction if there is one. Raises StoreError where a key cannot be read: then nothing has been delivered."""
    wanted: dict[UUID, set[UUID]] = defaultdict(set)
    sealed = [_sealed(each.event) for each in deliveries]
    for each in sealed:
        if each is not None and each.learner is not None:
            wanted[each.learner] |= {key_id for key_id, _ in each.parts.values() if key_id is not None}
    found = await keys.for_opening(wanted, tx) if wanted else {}
    return [
        delivery if each is None else delivery._replace(event=_opened(delivery.event, each, found))
        for delivery, each in zip(deliveries, sealed, strict=True)
    ]


class _Sealed(NamedTuple):
    """Whose texts an event holds (None: nobody's, so they were not written by us), and by field the id of the key that
    opens each (None: damaged) and what that key opens."""

    learner: UUID | None
    parts: dict[str, tuple[UUID | None, bytes]]


def _sealed(event: Event) -> _Sealed | None:
    """None for an event that holds nothing sealed."""
    try:
        kind = type_of(event.topic, event.type)
    except ValueError:  # of a newer release: handed on as it is, for nobody here has a use for it
        return None
    parts = {name: part for name in kind.personal if (part := taken_apart(event.payload.get(name))) is not None}
    if not parts:
        return None
    try:
        return _Sealed(kind.learner_of(event), parts)
    except ValueError:
        return _Sealed(None, parts)


def _texts(event: Event, kind: EventType) -> list[str]:
    return [name for name in kind.personal if event.payload.get(name) not in (None, "", [], {})]


def _closed(event: Event, key: LearnerKey) -> Event:
    payload = dict(event.payload)
    for name in _texts(event, type_of(event.topic, event.type)):
        payload[name] = key.sealed(payload[name], event.event_id, name)
    return event._replace(payload=payload)


def _opened(event: Event, sealed: _Sealed, keys: Mapping[UUID, LearnerKey]) -> Event:
    payload: dict[str, Any] = dict(event.payload)
    key = None if sealed.learner is None else keys.get(sealed.learner)
    for name, (key_id, text) in sealed.parts.items():
        if sealed.learner is None or key_id is None:
            payload[name] = TAMPERED
        elif key is None or key.id != key_id:
            payload[name] = ERASED
        else:
            payload[name] = key.opened(text, event.event_id, name)
        if payload[name] is TAMPERED:
            log.error("the field %s of event %s is not what was written there", name, event.event_id)
    return event._replace(payload=payload)

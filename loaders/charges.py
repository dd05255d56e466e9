"""How much has somebody used of what is theirs for a minute? Counters that travel with the preamble's script.

A fixed window: the first charge begins it, its key's end ends it. A request that Redis answered too late is sent once
more, and then counts twice.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple
from uuid import UUID

from datadir.redis import keys
from datadir.redis.node import Argument

# For each key from KEYS[3] on: how much, the window in seconds, how much is the most. Answers two numbers for each: the
# count, and the seconds until it ends where it is more than the most (0 where it is not).
COUNTING: Final = """
for at = 3, #KEYS do
  local count = redis.call('INCRBY', KEYS[at], ARGV[3 * at - 3])
  local left = 0
  if count == tonumber(ARGV[3 * at - 3]) then redis.call('EXPIRE', KEYS[at], ARGV[3 * at - 2]) end
  if count > tonumber(ARGV[3 * at - 1]) then left = math.max(1, redis.call('TTL', KEYS[at])) end
  session[#session + 1] = count
  session[#session + 1] = left
end
"""


class Charge(NamedTuple):
    """So much on one counter, which ends `seconds` after its first charge and holds `most`."""

    key: str
    by: int
    seconds: int
    most: int


class Charged(NamedTuple):
    """A counter after its charge. `seconds_left`: until it ends, where it is beyond its most; 0 where it is not."""

    total: int
    seconds_left: int


def of_operations(user_id: UUID, cost: int, most: int) -> Charge:
    """What an operation costs, on the counter of this person's minute."""
    return Charge(keys.rate_limit(user_id, "cost"), cost, keys.RATE_WINDOW, most)


def keys_of(charges: Sequence[Charge]) -> list[str]:
    """The script's further keys: all in the slot of the session."""
    return [each.key for each in charges]


def arguments_of(charges: Sequence[Charge]) -> list[Argument]:
    """The script's further arguments."""
    return [part for each in charges for part in (each.by, each.seconds, each.most)]


def charged(replies: Sequence[Any]) -> tuple[Charged, ...]:
    """The counters, in the order of their charges."""
    numbers = list(map(int, replies))
    return tuple(Charged(count, left) for count, left in zip(numbers[::2], numbers[1::2], strict=True))

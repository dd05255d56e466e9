"""How often was something done within a while, how much was used of it? Counters in Redis, each with its most.

A fixed window: the first charge begins it, its key's end ends it. Charges that travel together are counted in their
order, up to the first that is too much: what is refused for one reason counts for no other. A request that Redis
answered too late is sent once more, and then counts twice.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from uuid import UUID

from datadir.redis import keys
from datadir.redis.line import Argument

if TYPE_CHECKING:
    from datadir.stores import Stores


def counting(found: str, key: int, argument: int) -> str:
    """Lua that counts the keys from KEYS[key] on, by three arguments each from ARGV[argument] on: how much, the window
    in seconds, how much is the most. Where one is more than its most, the table `found` has two numbers more: which one
    that is, from 1 on, and the seconds until it ends."""
    return f"""
for at = {key}, #KEYS do
  local by = {argument} + 3 * (at - {key})
  local count = redis.call('INCRBY', KEYS[at], ARGV[by])
  if count == tonumber(ARGV[by]) then redis.call('EXPIRE', KEYS[at], ARGV[by + 1]) end
  if count > tonumber(ARGV[by + 2]) then
    {found}[#{found} + 1] = at - {key} + 1
    {found}[#{found} + 1] = math.max(1, redis.call('TTL', KEYS[at]))
    break
  end
end
"""


COUNT: Final = f"""
local found = {{}}
{counting("found", 1, 1)}
return found
"""


class Charge(NamedTuple):
    """So much on one counter, which ends `seconds` after its first charge and holds `most`."""

    key: str
    by: int
    seconds: int
    most: int


class TooMuch(NamedTuple):
    """A charge that brought its counter beyond its most; how many seconds are left until that ends."""

    charge: Charge
    seconds_left: int


def of_person(user_id: UUID, endpoint: str, by: int, seconds: int, most: int) -> Charge:
    """A charge on somebody's own counter of something."""
    return Charge(keys.rate_limit(user_id, endpoint), by, seconds, most)


def of_attempt(who: str, endpoint: str, seconds: int, most: int) -> Charge:
    """One more time that somebody tries something who need not be anybody: an address, a name, or all together."""
    return Charge(keys.attempts(who, endpoint), 1, seconds, most)


async def count(stores: Stores, charges: Sequence[Charge]) -> TooMuch | None:
    """Count charges of one slot, up to the first that is too much. One store call, none for none. Raises
    StoreUnavailable."""
    if not charges:
        return None
    return too_much(charges, await stores.redis.script(COUNT)(keys_of(charges), arguments_of(charges)))


def keys_of(charges: Sequence[Charge]) -> list[str]:
    """The keys of a script that counts: all in one slot."""
    return [each.key for each in charges]


def arguments_of(charges: Sequence[Charge]) -> list[Argument]:
    """Its arguments."""
    return [part for each in charges for part in (each.by, each.seconds, each.most)]


def too_much(charges: Sequence[Charge], found: Sequence[Any]) -> TooMuch | None:
    """What such a script has found; None where nothing is too much."""
    return TooMuch(charges[int(found[0]) - 1], int(found[1])) if found else None

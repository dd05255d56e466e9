"""How are documents kept that clients registered by their hash? In Redis, a bounded number, the one used last longest.

Texts and the order of their use are two keys of one slot; each script is one request.
"""

from __future__ import annotations

from time import time
from typing import TYPE_CHECKING, Final

from datadir.redis import keys

if TYPE_CHECKING:
    from datadir.stores import Stores

# KEYS: texts, order of use. ARGV: hash, now (s), TTL (s).
FETCH: Final = """
local text = redis.call('HGET', KEYS[1], ARGV[1])
if not text then return nil end
redis.call('ZADD', KEYS[2], ARGV[2], ARGV[1])
redis.call('EXPIRE', KEYS[1], ARGV[3])
redis.call('EXPIRE', KEYS[2], ARGV[3])
return text
"""
# ARGV: hash, now (s), TTL (s), text, how many are kept.
KEEP: Final = """
redis.call('HSET', KEYS[1], ARGV[1], ARGV[4])
redis.call('ZADD', KEYS[2], ARGV[2], ARGV[1])
local over = redis.call('ZCARD', KEYS[2]) - tonumber(ARGV[5])
if over > 0 then
  for _, oldest in ipairs(redis.call('ZRANGE', KEYS[2], 0, over - 1)) do
    redis.call('HDEL', KEYS[1], oldest)
    redis.call('ZREM', KEYS[2], oldest)
  end
end
redis.call('EXPIRE', KEYS[1], ARGV[3])
redis.call('EXPIRE', KEYS[2], ARGV[3])
return 1
"""

_KEYS: Final = (keys.DOCUMENT_TEXTS, keys.DOCUMENTS_USED)


async def text_by_hash(stores: Stores, digest: str) -> str | None:
    """The text that was registered under this hash; it counts as used now. Raises StoreUnavailable."""
    script = stores.redis.script(FETCH, repeatable=True)
    text: str | None = await script(_KEYS, (digest, time(), keys.DOCUMENTS_TTL))
    return text


async def keep(stores: Stores, digest: str, text: str, *, most: int = keys.DOCUMENTS_MOST) -> None:
    """Register a text, in the place of the one not used for longest where there are `most`. Raises StoreUnavailable."""
    script = stores.redis.script(KEEP, repeatable=True)
    await script(_KEYS, (digest, time(), keys.DOCUMENTS_TTL, text, most))

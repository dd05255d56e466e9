"""From which address does somebody ask? The other end of the connection, or whom a proxy that we trust speaks for.

`X-Forwarded-For` is anybody's word: it is read from its end on, where our proxies write, and believed as far as each of
them has written the next. One client of IPv6 has a whole /64 to choose addresses from: it is one peer.
"""

from __future__ import annotations

from collections.abc import MutableMapping
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Any, Final

_FORWARDED: Final = b"x-forwarded-for"
_REMEMBERED: Final = 10_000


def networks(written: str | None) -> list[str]:
    """The networks that a setting names."""
    return list(filter(None, map(str.strip, (written or "").split(","))))


class Peers:
    """Knows whom to believe: the proxies in these networks. Raises ValueError where one is none."""

    def __init__(self, trusted: str | None = None) -> None:
        self._trusted = [ip_network(each) for each in networks(trusted)]

    def of(self, scope: MutableMapping[str, Any]) -> str:
        """The peer of a connection as text, the same for all its requests but behind a proxy; empty where there is no
        address."""
        client = scope.get("client")
        host = str(client[0]) if client else ""
        if self._trusted:
            address = _address(host)
            if address is not None and self._trusts(address):
                values = [value.decode("latin-1") for name, value in scope["headers"] if name == _FORWARDED]
                host = str(self._forwarded(address, values))
        return _peer(host)

    def _forwarded(self, address: IPv4Address | IPv6Address, values: list[str]) -> IPv4Address | IPv6Address:
        for each in reversed(",".join(values).split(",")):
            before = _address(each)
            if before is None:
                # A proxy of ours writes addresses: what stands before anything else is not its word.
                break
            address = before
            if not self._trusts(address):
                break
        return address

    def _trusts(self, address: IPv4Address | IPv6Address) -> bool:
        return any(address in network for network in self._trusted)


@lru_cache(_REMEMBERED)
def _address(written: str) -> IPv4Address | IPv6Address | None:
    """An address, as proxies write it: with a port, or in brackets, or plain."""
    text = written.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        found = ip_address(text)
    except ValueError:
        return None
    mapped = found.ipv4_mapped if isinstance(found, IPv6Address) else None
    return mapped or found


@lru_cache(_REMEMBERED)
def _peer(host: str) -> str:
    address = _address(host)
    return (
        str(IPv6Network((int(address), 64), strict=False)) if isinstance(address, IPv6Address) else str(address or host)
    )

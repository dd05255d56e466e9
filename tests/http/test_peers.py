"""Whose address is believed? That of the connection, and what our own proxies have written (threats 20, 34)."""

from __future__ import annotations

from typing import Any

import pytest

from graph.http.peers import Peers
from graph.settings import Settings

PROXIES = "10.0.0.0/8, 192.0.2.7, 2001:db8:aa::/48"


def scope(client: str | None, *forwarded: str) -> dict[str, Any]:
    """A connection from this address, and what its `X-Forwarded-For` say."""
    headers = [(b"host", b"school.test"), *((b"x-forwarded-for", each.encode()) for each in forwarded)]
    return {"client": None if client is None else (client, 50_000), "headers": headers}


@pytest.mark.parametrize(
    ("client", "forwarded", "peer"),
    [
        ("198.51.100.1", [], "198.51.100.1"),
        # Whoever is no proxy of ours speaks for nobody but themselves.
        ("198.51.100.1", ["203.0.113.9"], "198.51.100.1"),
        ("192.0.2.8", ["203.0.113.9"], "192.0.2.8"),
        # Ours speaks for whom it has heard.
        ("10.1.2.3", ["203.0.113.9"], "203.0.113.9"),
        ("192.0.2.7", ["203.0.113.9:4711"], "203.0.113.9"),
        # What stands before that is the client's own word.
        ("10.1.2.3", ["1.1.1.1, 203.0.113.9"], "203.0.113.9"),
        ("10.1.2.3", ["1.1.1.1", "203.0.113.9"], "203.0.113.9"),
        ("10.1.2.3", ["10.9.9.9, 203.0.113.9"], "203.0.113.9"),
        # Several of ours, one behind the other, in one line or in two.
        ("10.1.2.3", ["203.0.113.9, 10.4.5.6"], "203.0.113.9"),
        ("10.1.2.3", ["1.1.1.1, 203.0.113.9", "10.4.5.6"], "203.0.113.9"),
        # Ours alone: a request from within.
        ("10.1.2.3", ["10.7.7.7, 10.4.5.6"], "10.7.7.7"),
        ("10.1.2.3", [], "10.1.2.3"),
        # What is no address was not written by ours, nor was anything before it.
        ("10.1.2.3", ["1.1.1.1, unknown"], "10.1.2.3"),
        ("10.1.2.3", ["203.0.113.9, unknown, 10.4.5.6"], "10.4.5.6"),
        ("10.1.2.3", [""], "10.1.2.3"),
        ("10.1.2.3", [",,,"], "10.1.2.3"),
        ("10.1.2.3", ["1.2.3.4.5"], "10.1.2.3"),
        ("10.1.2.3", ["ä"], "10.1.2.3"),
        # Of IPv6 a network is one peer; an address of IPv4 in it is that address.
        ("2001:db8::1", [], "2001:db8::/64"),
        ("2001:db8::ffff:1", [], "2001:db8::/64"),
        ("2001:db8:0:1::1", [], "2001:db8:0:1::/64"),
        ("2001:db8:aa::7", ["[2001:db8:1::5]:4711"], "2001:db8:1::/64"),
        ("::ffff:10.1.2.3", ["::ffff:203.0.113.9"], "203.0.113.9"),
        (None, ["203.0.113.9"], ""),
    ],
)
def test_threat_34_a_forged_address_is_not_believed(client: str | None, forwarded: list[str], peer: str) -> None:
    assert Peers(PROXIES).of(scope(client, *forwarded)) == peer


@pytest.mark.parametrize("forwarded", ["203.0.113.9", "10.4.5.6", "unknown"])
def test_threat_20_without_proxies_of_ours_no_header_is_read(forwarded: str) -> None:
    assert Peers().of(scope("127.0.0.1", forwarded)) == "127.0.0.1"


@pytest.mark.parametrize("written", ["proxy.school.org", "10.0.0.0/33", "10.0.0.1/8", "*", "10.0.0.1 10.0.0.2"])
def test_what_is_no_network_stops_the_start(written: str) -> None:
    with pytest.raises(ValueError, match=r"which is no network: write 10\.0\.0\.5 or 10\.0\.0\.0/8"):
        Settings(trusted_proxies=f"192.0.2.7, {written}")

"""Who may try to come in, and how often? Rates of log-ins, and the proxies that are believed to say who asks.

Each field's description is its row in `docs/settings.md`; what is counted how is in `docs/limits.md`.
"""

from __future__ import annotations

from ipaddress import ip_network
from typing import Annotated

from pydantic import Field, PlainValidator, field_validator
from pydantic_settings import BaseSettings, NoDecode

from graph.http.peers import networks
from resolvers.rate import Rate, rate

OneRate = Annotated[Rate, NoDecode, PlainValidator(rate)]


class LogInSettings(BaseSettings):
    """The part of `Settings` that is about coming in."""

    log_ins_per_account: OneRate = Field(
        Rate(10),
        description="How often one account may be tried: logging in, and each other verb that proves who one is.",
    )
    log_ins_per_peer: OneRate = Field(
        Rate(10), description="How often one address may log in, register, or ask for another password: each by itself."
    )
    log_ins_in_total: OneRate = Field(
        Rate(600), description="How often all together may do each of that; 0/minute: not counted."
    )
    trusted_proxies: str | None = Field(
        None, description="The proxies whose `X-Forwarded-For` is believed: networks, separated by commas."
    )

    @field_validator("trusted_proxies")
    @classmethod
    def _are_networks(cls, value: str | None) -> str | None:
        for each in networks(value):
            try:
                ip_network(each)
            except ValueError:
                raise ValueError(f"holds {each!r}, which is no network: write 10.0.0.5 or 10.0.0.0/8") from None
        return value

"""Is a rate what its setting says, in the notation of the limits package?"""

from __future__ import annotations

import pytest

from graph.limits.bounds import PerRole, by_role
from graph.settings import Settings
from resolvers.rate import Rate


@pytest.mark.parametrize(
    ("written", "rate"),
    [
        ("10/minute", Rate(10, 60)),
        ("10 per minute", Rate(10, 60)),
        ("5/second", Rate(5, 1)),
        ("7/30 seconds", Rate(7, 30)),
        ("0/minute", Rate(0, 60)),
        (Rate(3), Rate(3, 60)),
    ],
)
def test_a_rate_is_so_often_within_so_long(written: object, rate: Rate) -> None:
    assert Settings(log_ins_per_peer=written).log_ins_per_peer == rate


@pytest.mark.parametrize("rate", [Rate(10), Rate(5, 1), Rate(7, 30)])
def test_it_is_written_as_it_is_read(rate: Rate) -> None:
    assert Settings(log_ins_per_peer=str(rate)).log_ins_per_peer == rate


@pytest.mark.parametrize(
    ("written", "complaint"),
    [
        ("10", "must be a rate, as 10/minute"),
        ("ten/minute", "must be a rate, as 10/minute"),
        ("-1/minute", "must be a rate, as 10/minute"),
        ("10/minute;1/second", "must be a rate, as 10/minute"),
        ("100/hour", "must be a rate of a minute at most, as 10/minute"),
        ("100/2 minutes", "must be a rate of a minute at most, as 10/minute"),
    ],
)
def test_anything_else_is_none(written: str, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        Settings(log_ins_per_peer=written)


def test_each_role_may_have_its_own() -> None:
    limits = by_role(Settings(limit_rate="5/second teacher=100/minute service=0/minute"))
    assert {role: each.rate for role, each in limits.items()} == {
        "anonymous": Rate(5, 1),
        "student": Rate(5, 1),
        "teacher": Rate(100),
        "admin": Rate(5, 1),
        "service": Rate(0),
    }
    assert str(PerRole(Rate(5, 1), (("teacher", Rate(100)),))) == "5/second teacher=100/minute"


@pytest.mark.parametrize("written", ["", "10", "10/minute pupil=5/minute", "10/minute admin", "10/minute admin=5"])
def test_whatever_else_is_written_for_roles_is_none(written: str) -> None:
    with pytest.raises(ValueError, match="must be a rate"):
        Settings(limit_rate=written)

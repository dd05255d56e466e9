"""Is a document of more than 2,000 tokens refused, and one of exactly so many taken?"""

from __future__ import annotations

from tests.limits.judging import codes, measures, sentence


def test_two_thousand_tokens_are_taken_and_one_more_is_not() -> None:
    whole = "{ " + "a " * 1_998 + "}"
    more = "{ " + "a " * 1_999 + "}"
    assert (measures(whole).tokens, measures(more).tokens) == (2_000, 2_001)
    assert "TOKEN_LIMIT" not in codes(whole)
    assert codes(more) == {"TOKEN_LIMIT"}
    assert sentence(more) == "A document holds at most 2,000 tokens."


def test_commas_are_no_tokens_and_a_comment_is_one() -> None:
    assert measures("{,,a,,}").tokens == 3
    assert measures("# a b c\n{ a }").tokens == 4

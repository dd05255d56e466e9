"""Does an operation unfold to at most 500 fields and fragments?"""

from __future__ import annotations

from time import process_time

from tests.limits.judging import codes, measures, sentence


def test_five_hundred_are_taken_and_one_more_is_not() -> None:
    fields = " ".join(f"f{number}" for number in range(499))
    assert codes(f"{{ a {{ {fields} }} }}") == set()
    assert codes(f"{{ a {{ {fields} more }} }}") == {"TOO_MANY_SELECTIONS"}
    assert sentence(f"{{ a {{ {fields} more }} }}") == "An operation unfolds to at most 500 fields and fragments."


def test_a_fragment_counts_as_often_as_it_is_spread() -> None:
    fields = " ".join(f"f{number}" for number in range(49))
    spread = "{ " + " ".join(f"a{number} {{ ...F }}" for number in range(10)) + " } fragment F on Q { " + fields + " }"
    assert measures(spread).sizes[0][1].selections == 10 + 10 + 10 * 49
    assert codes(spread) == {"TOO_MANY_SELECTIONS"}


def test_fragments_that_double_with_each_link_are_measured_in_no_time() -> None:
    links = 180
    chain = " ".join(f"fragment F{n} on Q {{ ...F{n + 1} ...F{n + 1} }}" for n in range(links))
    document = "{ x { ...F0 } } " + chain + f" fragment F{links} on Q {{ a }}"
    found = measures(document)
    began = process_time()
    assert codes(document) == {"TOO_MANY_SELECTIONS"}
    assert process_time() - began < 1
    # 2 ** 180 times `a`, and the spreads that lead there.
    assert found.sizes[0][1].selections > 2**180

"""Figures however they are written, and which of them may be one number."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.figures import PERCENT, Figure, agree, figure, read, spell


@pytest.mark.parametrize(
    ("written", "power", "value"),
    [("1.23", 9, 1.23e9), ("1,230", 6, 1.23e9), ("12,5", 0, 12.5), ("0.05", 0, 0.05), ("007", 0, 7), ("31", -2, 0.31)],
)
def test_a_number_has_its_value(written, power, value):
    found = figure(written, power)
    assert found is not None
    assert found.value == pytest.approx(value)


@pytest.mark.parametrize("written", ["0", "0.00", "1.2.3", "٣", ""])
def test_a_zero_and_what_is_no_number_are_no_figure(written):
    assert figure(written) is None


@pytest.mark.parametrize(
    ("first", "second", "one"),
    [
        (("1.23", 9), ("1.2", 9), True),
        (("1,480", 0), ("1,500", 0), True),
        (("7.6", 0), ("8", 0), True),
        (("9.8", 0), ("10", 0), True),
        (("2.96", 9), ("3", 9), True),
        (("12.34", 8), ("1.23", 9), True),
        (("10", 0), ("12", 0), False),
        (("12", 0), ("21", 0), False),
        (("71.20", 0), ("68.45", 0), False),
        (("1.23", 9), ("1.23", 6), False),
        (("900", 0), ("1,500", 0), False),
    ],
)
def test_a_rounded_figure_is_the_same_number_and_another_one_is_not(first, second, one):
    mine, theirs = figure(*first), figure(*second)
    assert mine is not None
    assert theirs is not None
    assert agree(mine, theirs) is agree(theirs, mine) is one


def test_a_share_is_not_a_share_of_the_same_number_of_things_unless_the_unit_was_left_out():
    assert agree(Figure(PERCENT, 4, 0), Figure("n", 4, 0))
    assert not agree(Figure(PERCENT, 4, 0), Figure("b", 4, 0))


some = st.builds(
    figure,
    st.from_regex(r"[0-9]{1,20}(\.[0-9]{1,6})?", fullmatch=True),
    st.integers(-2, 12),
    st.sampled_from(["%", "n"]),
).filter(lambda found: found is not None)


@given(st.lists(some, max_size=5))
def test_what_is_spelt_is_read(figures):
    assert read(spell(figures)) == figures


@given(some, some)
def test_agreeing_is_mutual_and_with_itself(first, second):
    assert agree(first, second) == agree(second, first)
    assert agree(first, first)

"""The hostile records are what they are said to be, and can be had again."""

from tests.conftest import NOW
from tests.hostile.inputs import KINDS, inputs


def test_the_same_seed_makes_the_same_records_and_another_makes_others():
    records = list(inputs(400, 1, NOW))
    assert {each.kind for each in records} == set(KINDS)
    assert records == list(inputs(400, 1, NOW))
    assert records != list(inputs(400, 2, NOW))
    ordinary = [each for each in records if each.kind == "ordinary"]
    assert len({each.id for each in ordinary}) == len(ordinary) > 20
    assert all(each.title and each.id and each.value for each in ordinary)

"""Rows said otherwise: what is varied, what never is, and that it is the same in every run."""

import re
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.text import clean
from training.augmentation import Augmentation
from training.labels import LabelledText


def row(text: str, **entities: str) -> LabelledText:
    named = {name.replace("_", " "): sentiment for name, sentiment in entities.items()}
    return LabelledText(text, None, "neutral", "desk", named)


TWO_FATES = row("Halvane Bank gains as Ostrey Bank slumps", Halvane_Bank="positive", Ostrey_Bank="negative")
ROWS = [
    TWO_FATES,
    row("Profit at Merrow Bank rises 8% in second quarter", Merrow_Bank="positive"),
    row("Pellinor Foods recalls 12,000 jars of honey", Pellinor_Foods="negative"),
    row("$KRVX slides before the open"),
    row("$TSLO and $BRNT trade sideways"),
    row("Brazil raises its benchmark rate"),
    row("Chairman says he expects a slow year"),
]
TICKERS = {"$KRVX", "$TSLO", "$BRNT"}


def test_without_a_share_every_text_is_as_it_was():
    assert Augmentation(ROWS, 0.0, 1).texts(1) == [clean(each.text) for each in ROWS]


def test_the_same_seed_and_epoch_vary_alike_and_others_otherwise():
    first = Augmentation(ROWS, 1.0, 1)
    assert first.texts(1) == Augmentation(ROWS, 1.0, 1).texts(1)
    assert first.texts(1) != first.texts(2)
    assert first.texts(1) != Augmentation(ROWS, 1.0, 2).texts(1)


def test_a_row_is_varied_alike_whatever_rows_stand_before_it():
    alone = Augmentation([*ROWS], 1.0, 1).texts(4)
    turned = Augmentation([*reversed(ROWS)], 1.0, 1).texts(4)
    assert alone == turned[::-1]


@pytest.mark.parametrize("share", [0.25, 0.75])
def test_the_share_is_that_of_the_rows_that_change(share):
    rows = [
        row(f"Merrow Bank opens branch number {number} in the valley", Merrow_Bank="neutral") for number in range(600)
    ]
    texts = Augmentation(rows, share, 3).texts(1)
    changed = sum(text != each.text for text, each in zip(texts, rows, strict=True))
    assert abs(changed / len(rows) - share) < 0.08


def test_two_companies_of_one_row_stay_two_and_keep_their_kind():
    augmentation = Augmentation(ROWS, 1.0, 1)
    swapped: Counter[str] = Counter()
    for epoch in range(300):
        found = re.fullmatch(r"(\w+ Bank) gains as (\w+ Bank) slumps", augmentation.texts(epoch)[0])
        if found:
            assert found.group(1) != found.group(2)
            swapped.update(found.groups())
    assert swapped["Merrow Bank"] > 10
    assert not any("Pellinor" in name for name in swapped)  # no food maker becomes a bank


def test_tickers_are_those_of_other_rows():
    augmentation = Augmentation(ROWS, 1.0, 1)
    seen = {word for epoch in range(60) for word in re.findall(r"\$[A-Z]{4}\b", augmentation.texts(epoch)[3])}
    assert seen == TICKERS


def test_rows_without_a_company_or_a_ticker_need_none():
    rows = [row("Rain is forecast for the weekend"), row("降息")]
    for epoch in range(20):
        assert all(Augmentation(rows, 1.0, 1).texts(epoch))


@given(st.lists(st.text(min_size=1, max_size=60), min_size=1, max_size=5), st.integers(0, 50))
def test_any_text_can_be_varied_and_comes_out_clean(texts, epoch):
    varied = Augmentation([row(text) for text in texts], 1.0, 1).texts(epoch)
    assert len(varied) == len(texts)
    assert all(clean(text) == text for text in varied)


def test_figures_are_never_changed():
    rows = [row("Sales of 1,204 million, loss of 36.5 cents a share, 12 plants, 2031 target")]
    for epoch in range(40):
        text = Augmentation(rows, 1.0, 5).texts(epoch)[0].replace(",", "")
        assert re.findall(r"(?<![A-Z] )\b\d[\d.]*\b(?!-)", text.removeprefix("UPDATE "))[-4:] == [
            "1204",
            "36.5",
            "12",
            "2031",
        ]

"""What is read out of a headline."""

import pytest

from stream.figures import Figure
from stream.gist import MOST_FIGURES, MOST_NAMES, MOST_PERIODS, MOST_WORDS, common_words, gist_of


def names(title):
    return list(gist_of(title).names.items())


@pytest.mark.parametrize(
    ("title", "found"),
    [
        ("Corvex Pipelines to buy Lonestar for cash", [("corvex", "n"), ("pipelines", "n"), ("lonestar", "n")]),
        ("CORVEX TO BUY LONESTAR FOR CASH", [("corvex", "n"), ("lonestar", "n")]),
        ("Corvex To Buy Lonestar For Cash", [("corvex", "n"), ("lonestar", "n")]),
        ("lonestar soars, $CVX holders cry", [("cvx", "t")]),
        ("Halloran (NASDAQ: HLRN) sinks", [("halloran", "n"), ("hlrn", "t")]),
        ("U.S. and German inflation", [("us", "c"), ("germany", "c")]),
        ("asked us for money", []),
        ("Soy slips as copper rises", [("soy", "g"), ("copper", "g")]),
        ("Federal Reserve holds", [("fed", "n")]),
        ("CEO quits", []),
        ("Boss of Target leaves", [("target", "n")]),
    ],
)
def test_names_are_told_from_words_in_whatever_case_they_are_written(title, found):
    assert names(title) == found


@pytest.mark.parametrize(
    ("title", "found"),
    [
        ("$1.2bn", [Figure("n", 12, 8)]),
        ("1.2 billion dollars", [Figure("n", 12, 8)]),
        ("4 percent", [Figure("%", 4, 0)]),
        ("4 per cent", [Figure("%", 4, 0)]),
        ("25 basis points", [Figure("%", 25, -2)]),
        ("31 cents", [Figure("n", 31, -2)]),
        ("eleven stores", [Figure("n", 11, 0)]),
        ("two million users", [Figure("n", 2, 6)]),
        ("412 crore", [Figure("n", 412, 7)]),
        ("5G and A220 and 8-K", []),
        ("腾川净利润12.34亿元 下降18.2%", [Figure("n", 1234, 6), Figure("%", 182, -1)]),
        ("裁员三成 召回两万辆", [Figure("%", 3, 1), Figure("n", 2, 4)]),
        ("十五家", [Figure("n", 15, 0)]),
    ],
)
def test_figures_are_read_in_digits_and_words(title, found):
    assert gist_of(title).figures == found


@pytest.mark.parametrize(
    ("title", "found"),
    [
        ("Q3 loss", {"sq3"}),
        ("third-quarter loss", {"sq3"}),
        ("full-year and first-half loss", {"sfy", "sh1"}),
        ("annual loss", {"sfy"}),
        ("loss on 14 May 2026", {"d14", "m5", "y2026"}),
        ("may lose", set()),
        ("shut until Tuesday or in winter", {"wtu", "ewi"}),
        ("第三季度 上半年 2025年 6月", {"sq3", "sh1", "y2025", "m6"}),
    ],
)
def test_dates_are_no_figures(title, found):
    gist = gist_of(title)
    assert set(gist.periods) == found
    assert gist.figures == []


def test_what_stands_after_a_not_is_negated():
    gist = gist_of("Acme won't close its plant")
    assert {"halt", "plant"} == set(gist.negated)
    assert set(gist.negated) <= set(gist.words)


@pytest.mark.parametrize(
    ("title", "poles"),
    [
        ("profit rises", "DP"),
        ("-14% premarket", "d"),
        ("steps down", "j"),
        ("a week after", "L"),
        ("否认亏损", "pt"),
    ],
)
def test_which_way_it_goes(title, poles):
    assert gist_of(title).poles == set(poles)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("slashes 900 jobs", "cuts 900 posts"),
        ("chief executive stands down", "CEO resigns"),
        ("lays off staff", "layoffs of employees"),
        ("regulator investigates polluted river", "watchdog's probe: river pollution"),
    ],
)
def test_what_says_the_same_is_one_word(first, second):
    assert set(gist_of(first).words) & set(gist_of(second).words)
    assert gist_of(first).figures == gist_of(second).figures


def test_a_chinese_company_is_found_behind_who_acts_on_it():
    for title in ("广誉能源债券违约", "深交所向广誉能源下发关注函", "穆迪将广誉能源评级下调", "任命王刚为广誉"):
        assert len(gist_of(title).names) == 1
    assert gist_of("深交所向广誉能源下发关注函").names == gist_of("广誉能源债券违约").names == {"广誉": "z"}


def test_a_title_without_end_is_read_to_a_limit():
    gist = gist_of(
        " ".join(f"Name{chr(97 + at % 26) * 6}{at} word{at} {at}.5 Q{at % 4 + 1} 20{10 + at}" for at in range(90))
    )
    assert len(gist.words) <= MOST_WORDS
    assert len(gist.names) == MOST_NAMES
    assert len(gist.figures) == MOST_FIGURES
    assert len(gist.periods) == MOST_PERIODS


def test_common_words_are_small_letters_and_no_name_of_a_company():
    words = common_words()
    assert len(words) > 3_000
    assert all(word.islower() and word.isalpha() for word in words)
    assert {"profit", "recalls", "target"} < words
    assert words.isdisjoint({"kestrovan", "pellwick"})

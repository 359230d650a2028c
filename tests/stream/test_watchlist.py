"""Which watched companies a title names."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model.errors import SettingsError
from stream.watchlist import WatchedEntity, Watchlist, WatchlistFile, load_watchlist

ACME = WatchedEntity("Acme", ("Acme Holdings",), ("ACM",))
ACME_FOODS = WatchedEntity("Acme Foods", (), ("ACMF",))
CAT = WatchedEntity("Caterpillar", (), ("CAT",))
STREET = WatchedEntity("Straße AG")
CITI = WatchedEntity("Citi", (), ("C",))
ATT = WatchedEntity("AT&T")
LIST = Watchlist([ACME, ACME_FOODS, CAT, STREET, CITI, ATT])


@pytest.mark.parametrize(
    ("title", "names"),
    [
        ("Acme falls", ["Acme"]),
        ("ACME falls", ["Acme"]),
        ("acme holdings falls", ["Acme"]),
        ("Acme's boss quits", ["Acme"]),
        ("Acme’s boss quits", ["Acme"]),
        ("“Acme” falls", ["Acme"]),
        ("(Acme)", ["Acme"]),
        ("Acmeists gather", []),
        ("MacAcme opens", []),
        ("Acme_x", []),
        ("Acme Foods recalls jam", ["Acme Foods"]),
        ("Acme Foodstuffs recalls jam", ["Acme"]),
        ("Acme buys Acme Foods", ["Acme", "Acme Foods"]),
        ("Acme Foods, Acme and Acme", ["Acme Foods", "Acme"]),
        ("Buy $ACM now", ["Acme"]),
        ("ACM rises", ["Acme"]),
        ("acm rises", []),
        ("A cat is out of the bag", []),
        ("CAT slides", ["Caterpillar"]),
        ("$ACMF and $ACM", ["Acme Foods", "Acme"]),
        ("", []),
        ("Straße AG sinks", ["Straße AG"]),
        ("STRASSE AG sinks", ["Straße AG"]),
        ("AT&amp;T outage", ["AT&T"]),
        ("$ACM ahead: Citi on Acme", ["Acme", "Citi"]),
        ("CİTİ and Cıtı are not it", []),
        ("Acme\u00a0Foods recalls jam", ["Acme Foods"]),
        ("CAT SLIDES", []),
        ("$CAT SLIDES", ["Caterpillar"]),
        ("Machinery maker (NYSE: CAT) slides", ["Caterpillar"]),
        ("Bank (NYSE:C) slides, vitamin C sells", ["Citi"]),
        ("Plan C fails", []),
        ("$C falls", ["Citi"]),
        ("$CATS fall", []),
    ],
)
def test_a_title_names(title, names):
    assert list(LIST.named_in(title)) == names


CHINESE = Watchlist(
    [
        WatchedEntity("海东药业", ("海东",), ("A",)),
        WatchedEntity("Acme", (), ("ACM",)),
        WatchedEntity("삼성전자"),
        WatchedEntity("トヨタ"),
    ]
)


@pytest.mark.parametrize(
    ("title", "names"),
    [
        ("海东药业因涉嫌信息披露违法违规被立案调查", ["海东药业"]),
        ("公告:海东药业业绩预增", ["海东药业"]),
        ("监管机构调查海东", ["海东药业"]),
        ("传Acme收购海东药业股份", ["Acme", "海东药业"]),
        ("MacAcme收购案", []),
        ("买入$ACM大涨", ["Acme"]),
        ("A股三大指数收跌", []),
        ("삼성전자가 배당을 늘린다", ["삼성전자"]),
        ("トヨタが減益", ["トヨタ"]),
    ],
)
def test_a_title_of_a_script_without_spaces_names(title, names):
    assert list(CHINESE.named_in(title)) == names


@settings(max_examples=300)
@given(st.text(max_size=60))
def test_whatever_is_in_a_title_only_watched_names_come_back_each_once(noise):
    found = LIST.named_in(noise + " Acme " + noise)
    assert "Acme" in found or "Acme Foods" in found
    assert set(found) <= set(LIST.names)


@settings(max_examples=200)
@given(st.text(alphabet="CcİiıITtſsSK", min_size=4, max_size=8))
def test_letters_that_only_look_alike_under_case_folding_break_nothing(title):
    assert set(LIST.named_in(title)) <= {"Citi"}


def test_an_alias_with_nothing_to_read_in_it_is_found_nowhere():
    assert Watchlist([WatchedEntity("Acme", ("https://acme.example", "\u200b"))]).named_in("Bolt falls") == {}


def test_an_empty_list_finds_nothing():
    assert Watchlist(()).named_in("Acme falls") == {}
    assert load_watchlist(None).names == ()


def test_a_file_is_read_with_aliases_and_ticker_and_further_columns_passed_over(tmp_path):
    path = tmp_path / "watch.csv"
    path.write_text(
        "\ufeffname,aliases,ticker,sector\nAcme Corp, Acme ;; ACME Inc ,ACM,Tools\nBolt,,,\n", encoding="utf-8"
    )
    found = load_watchlist(path)
    assert found.entities == (
        WatchedEntity("Acme Corp", ("Acme", "ACME Inc"), ("ACM",)),
        WatchedEntity("Bolt"),
    )


def test_names_alone_are_enough(tmp_path):
    path = tmp_path / "watch.csv"
    path.write_text("name\nAcme\nBolt\n", encoding="utf-8")
    assert load_watchlist(path).names == ("Acme", "Bolt")


@pytest.mark.parametrize(
    ("content", "place"),
    [
        (b"company,ticker\nAcme,ACM\n", "name"),
        (b"", "name"),
        (b"name,ticker\nAcme,ACM\n ,X\n", ":3"),
        (b"name\nAcme#1\n", ":2"),
        (b'name\n"Acme\n', "cannot be read"),
        (b"name\nAcm\xe9\n", "cannot be read"),
        (b"name,lei\nAcme,529900T8BM49AURSDO5\n", "no LEI"),
        (b"name,aliases\nAcme,Bolt\nBolt,\n", ":3: 'Bolt' is Acme's already"),
        (b"name\nAcme\nACME\n", ":3: 'ACME' is Acme's already"),
        (b"name\nAcme\nAcme\n", ":3: 'Acme' is Acme's already"),
        (b"name,ticker\nAcme,ABC;XYZ\nBolt,XYZ\n", ":3: '$XYZ' is Acme's already"),
    ],
)
def test_a_bad_file_is_refused_with_its_name_and_place(tmp_path, content, place):
    path = tmp_path / "watch.csv"
    path.write_bytes(content)
    with pytest.raises(SettingsError) as refused:
        load_watchlist(path)
    assert str(path) in str(refused.value)
    assert place in str(refused.value)


def test_a_file_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(SettingsError, match=r"absent\.csv"):
        load_watchlist(tmp_path / "absent.csv")


APPLE = Watchlist([WatchedEntity("Apple", ("Apple Inc",), ("AAPL",), ("iPhone", "shares", "Cook", "苹果公司"))])


@pytest.mark.parametrize(
    ("title", "named"),
    [
        ("Apple harvest fails in Kent", False),
        ("Apple shares slip", True),
        ("Apple cuts iPhone orders", True),
        ("APPLE SHARES SLIP", True),
        ("Apple Inc names a treasurer", True),
        ("Apple cooks dinner", False),
        ("$AAPL slips", True),
        ("Cooking apple prices rise", False),
    ],
)
def test_a_word_with_other_meanings_counts_beside_a_word_of_its_context(title, named):
    assert list(APPLE.named_in(title)) == (["Apple"] if named else [])


def test_a_name_is_no_context_of_itself():
    assert Watchlist([WatchedEntity("Shell", context=("Shell", "oil"))]).named_in("A shell on the beach") == {}


def test_all_columns_are_read(tmp_path):
    path = tmp_path / "watch.csv"
    path.write_text("name,aliases,ticker,context,lei\nApple,Apple Inc,AAPL;APC,iPhone; shares,HWUPKR0MPOU8FGXBT394\n")
    assert load_watchlist(path).entities == (
        WatchedEntity("Apple", ("Apple Inc",), ("AAPL", "APC"), ("iPhone", "shares"), "HWUPKR0MPOU8FGXBT394"),
    )


def test_more_entities_than_are_allowed_are_refused(tmp_path):
    path = tmp_path / "watch.csv"
    path.write_text("name\n" + "".join(f"Acme {number}\n" for number in range(11)))
    assert len(load_watchlist(path, 11).names) == 11
    with pytest.raises(SettingsError, match=r"11 entities, 10 are allowed: .*trends\.most_entities"):
        load_watchlist(path, 10)


def test_a_file_that_was_written_is_read_anew_and_a_bad_one_is_told_once(tmp_path):
    path = tmp_path / "watch.csv"
    path.write_text("name\nAcme\n")
    file = WatchlistFile(path)
    assert file.current.names == ("Acme",)
    assert file.changed() is None
    path.write_text("name\nAcme\nBolt\n")
    found = file.changed()
    assert found is not None
    assert found.names == ("Acme", "Bolt")
    path.write_text("nothing of the kind\n")
    with pytest.raises(SettingsError):
        file.changed()
    assert file.changed() is None
    assert file.current is found
    path.unlink()
    assert file.changed() is None  # somebody is replacing it
    path.write_text("name\nNeon Holdings\n")
    assert file.changed().names == ("Neon Holdings",)
    assert WatchlistFile(None).current.names == ()
    assert WatchlistFile(None).changed() is None


names = st.lists(st.text("abcAB é海", min_size=1, max_size=6), min_size=1, max_size=8)


@settings(max_examples=300)
@given(names, st.text("abcAB é海$ ", max_size=40))
def test_every_name_that_stands_alone_is_found_and_nothing_else(forms, text):
    known = {form.strip().casefold(): form for form in forms if form.strip()}
    found = Watchlist([WatchedEntity(form) for form in known.values()]).named_in(text)
    folded = " ".join(text.split()).casefold()
    assert all(" ".join(name.split()).casefold() in folded for name in found)
    if folded in known and folded:
        assert list(found) == [known[folded]]

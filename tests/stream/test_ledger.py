"""Counting each headline once, whoever writes and in whatever order it is read back."""

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stream.ledger import PAGE_ENTRIES, Closed, Ledger, Page, decode_record
from stream.records import Tally, TallyEntry, encode

SUBJECT = "entity/Acme Corp"
SENTIMENTS = ("negative", "neutral", "positive")


def entry(number: int) -> TallyEntry:
    """The entry of a headline: the same whenever it is asked for, as the archive's answer is."""
    return TallyEntry(f"id-{number}", 1000 + number % 7, SENTIMENTS[number % 3], 0.25, f"{number:04x}.", "wire")


def tally(numbers, model="m1") -> Tally:
    return Tally(SUBJECT, model, [entry(number) for number in numbers])


def model_of(number: int) -> str:
    """Each headline has one score for ever, so one model too."""
    return "m1" if number % 5 else "m2"


def tallies_of(numbers) -> list[Tally]:
    parts: dict[str, list[int]] = {}
    for number in numbers:
        parts.setdefault(model_of(number), []).append(number)
    return [tally(part, model) for model, part in parts.items()]


def expected_totals(numbers) -> dict[tuple[str, str], int]:
    totals: dict[tuple[str, str], int] = {}
    for number in set(numbers):
        key = (model_of(number), SENTIMENTS[number % 3])
        totals[key] = totals.get(key, 0) + 1
    return totals


batches = st.lists(st.lists(st.integers(0, 150), max_size=90), max_size=12)


@settings(max_examples=80, deadline=None)
@given(batches)
def test_a_tally_counts_each_headline_once_however_often_and_in_whatever_split_it_comes(parts):
    ledger = Ledger(SUBJECT, "w1")
    for part in parts:
        for each in tallies_of(part):
            ledger.count(each)
    flat = [number for part in parts for number in part]
    assert ledger.totals() == expected_totals(flat)
    on_pages = [each.id for page in ledger.pages.values() for each in page.entries]
    assert sorted(on_pages) == sorted({f"id-{number}" for number in flat})


@settings(max_examples=80, deadline=None)
@given(batches, st.data())
def test_two_writers_pages_merged_in_any_order_count_each_headline_once(parts, data):
    writers = [Ledger(SUBJECT, "w1"), Ledger(SUBJECT, "w2")]
    table: dict[str, bytes] = {}
    for part in parts:
        for ledger in data.draw(st.sampled_from([writers[:1], writers[1:], writers])):
            for each in tallies_of(part):
                for page in ledger.count(each):
                    table[page.key] = encode(page)
    pages = [decode_record(raw) for raw in table.values()]
    heir = Ledger(SUBJECT, "w3")
    loaded = list(heir.load(data.draw(st.permutations(pages))))
    flat = [number for part in parts for number in part]
    assert sorted(each.id for each in loaded) == sorted({f"id-{number}" for number in flat})
    assert heir.totals() == expected_totals(flat)
    # What came before it was rebuilt is known, and what is new has a page that nobody else has.
    assert all(not heir.count(each) for part in parts for each in tallies_of(part))
    assert {page.key for page in heir.count(tally([999]))}.isdisjoint(table)


@settings(max_examples=50, deadline=None)
@given(batches)
def test_the_state_rebuilt_from_written_pages_is_the_live_state(parts):
    live = Ledger(SUBJECT, "w1")
    table: dict[str, bytes] = {}
    for part in parts:
        for each in tallies_of(part):
            table |= {page.key: encode(page) for page in live.count(each)}
    rebuilt = Ledger(SUBJECT, "w1")
    list(rebuilt.load(map(decode_record, table.values())))
    assert rebuilt.totals() == live.totals()
    assert rebuilt.pages == live.pages


@settings(max_examples=50, deadline=None)
@given(batches, st.lists(st.integers(0, 300), max_size=100))
def test_a_writer_that_goes_on_from_its_own_pages_overwrites_none_of_them(parts, later):
    first = Ledger(SUBJECT, "w1")
    for part in parts:
        for each in tallies_of(part):
            first.count(each)
    again = Ledger(SUBJECT, "w1")
    list(again.load(first.pages.values()))
    written = {page.key for each in tallies_of(later) for page in again.count(each)}
    assert written.isdisjoint(first.pages)


@settings(max_examples=60)
@given(st.text(max_size=20), st.text("0123abc", min_size=1), st.text("0123abc", min_size=1), *[st.integers(0, 99)] * 2)
def test_page_keys_of_two_writers_never_meet(subject, first, second, number, other):
    if first != second:
        assert Page(subject, first, number, "m", []).key != Page(subject, second, other, "m", []).key


def test_count_gives_back_the_last_state_of_each_page_that_changed_and_no_other():
    ledger = Ledger(SUBJECT, "w1")
    ledger.count(tally(range(PAGE_ENTRIES - 1)))
    changed = ledger.count(tally(range(PAGE_ENTRIES + 1)))
    assert [(page.number, len(page.entries)) for page in changed] == [(0, PAGE_ENTRIES), (1, 1)]
    assert [page.number for page in ledger.count(tally([500]))] == [1]


def test_no_page_holds_more_than_it_may():
    ledger = Ledger(SUBJECT, "w1")
    ledger.count(tally(range(1000)))
    assert max(len(page.entries) for page in ledger.pages.values()) == PAGE_ENTRIES
    assert len(ledger.pages) == -(-1000 // PAGE_ENTRIES)


def test_a_new_model_begins_a_new_page():
    ledger = Ledger(SUBJECT, "w1")
    ledger.count(tally([1, 2], "old"))
    changed = ledger.count(tally([2, 3], "new"))
    assert [(page.model, [each.id for each in page.entries]) for page in changed] == [("new", ["id-3"])]
    assert {page.model for page in ledger.pages.values()} == {"old", "new"}
    assert ledger.totals() == {("old", "neutral"): 1, ("old", "positive"): 1, ("new", "negative"): 1}


def test_new_entries_leaves_the_ledger_as_it_was():
    ledger = Ledger(SUBJECT, "w1")
    assert [each.id for each in ledger.new_entries(tally([4, 4, 2]))] == ["id-4", "id-2"]
    assert ledger.totals() == {}
    assert ledger.pages == {}


def test_of_two_scores_of_one_headline_within_a_tally_the_first_counts():
    ledger = Ledger(SUBJECT, "w1")
    twice = [TallyEntry("a", 1, "negative", -1.0, "", ""), TallyEntry("a", 1, "positive", 1.0, "", "")]
    ledger.count(Tally(SUBJECT, "m", twice))
    assert ledger.totals() == {("m", "negative"): 1}


def test_where_writers_disagree_on_a_headline_the_order_of_their_pages_does_not_matter():
    mine = Page(SUBJECT, "a", 0, "m1", [TallyEntry("x", 1, "negative", -1.0, "", "")])
    theirs = Page(SUBJECT, "b", 0, "m2", [TallyEntry("x", 1, "positive", 1.0, "", "")])
    outcomes = []
    for pages in ([mine, theirs], [theirs, mine]):
        ledger = Ledger(SUBJECT, "c")
        list(ledger.load(pages))
        outcomes.append(dict(ledger.totals()))
    assert outcomes[0] == outcomes[1] == {("m1", "negative"): 1}


@given(st.binary(max_size=200))
def test_a_record_that_is_no_page_is_refused_with_one_kind_of_error(payload):
    with pytest.raises(msgspec.MsgspecError):
        decode_record(payload)


# ------------------------------------------------------------------ days that are closed

DAY = 24 * 60


def dated(number: int) -> TallyEntry:
    """An entry of one of ten days."""
    return TallyEntry(f"id-{number}", number % 10 * DAY + number % 7, SENTIMENTS[number % 3], 0.25, "", "wire")


days = st.integers(-1, 11)
steps = st.lists(st.one_of(st.lists(st.integers(0, 200), max_size=90), days), max_size=14)


def apply(ledger: Ledger, table: dict[str, bytes], step: list[int] | int) -> None:
    if isinstance(step, int):
        ledger.close(step)
        if (dropped := ledger.drop()) is not None:
            closed, keys = dropped
            table[closed.key] = encode(closed)
            for key in keys:
                del table[key]
    else:
        for model in ("m1", "m2"):
            entries = [dated(number) for number in step if model_of(number) == model]
            for page in ledger.count(Tally(SUBJECT, model, entries)):
                table[page.key] = encode(page)


@settings(max_examples=150, deadline=None)
@given(steps, st.data())
def test_closed_days_keep_their_totals_and_lose_their_pages_whenever_it_is_read_back(taken, data):
    ledger, table, counted, through = Ledger(SUBJECT, "w0"), {}, set(), -1
    for at, step in enumerate(taken):
        apply(ledger, table, step)
        if isinstance(step, int):
            through = max(through, step)
        else:
            counted |= {number for number in step if number % 10 > through}
        if data.draw(st.booleans()):
            ledger = Ledger(SUBJECT, f"w{at + 1}")
            list(ledger.load(map(decode_record, data.draw(st.permutations(list(table.values()))))))
            ledger.close(through)
        assert {key: n for key, n in ledger.totals().items() if n} == expected_totals(counted)
    ledger.close(11)
    ledger.drop()
    assert ledger.pages == {}
    assert ledger.count(Tally(SUBJECT, "m1", [dated(3)])) == []
    assert ledger.late(Tally(SUBJECT, "m1", [dated(3), dated(3), dated(4)])) == 2


def test_a_kill_between_the_totals_and_the_deletion_of_the_pages_counts_nothing_twice():
    ledger, table = Ledger(SUBJECT, "w1"), {}
    numbers = range(400)
    apply(ledger, table, [number for number in numbers if number % 10 <= 4])
    apply(ledger, table, [number for number in numbers if number % 10 > 4])
    before = dict(table)
    apply(ledger, table, 4)
    assert len(table) < len(before)
    killed = before | table
    heir = Ledger(SUBJECT, "w2")
    younger = list(heir.load(map(decode_record, killed.values())))
    assert heir.totals() == ledger.totals() == expected_totals(numbers)
    assert all(entry.minute >= 5 * DAY for entry in younger)


def test_the_day_that_is_open_is_not_late_and_what_was_counted_is_neither():
    ledger = Ledger(SUBJECT, "w1")
    ledger.close(4)
    first = Tally(SUBJECT, "m1", [dated(5), dated(6)])
    assert (ledger.late(first), len(ledger.count(first)[0].entries)) == (0, 2)
    ledger.close(5)
    assert ledger.late(first) == 0  # its page is still there
    assert ledger.count(first) == []


def test_nothing_is_written_for_a_day_without_headlines():
    ledger = Ledger(SUBJECT, "w1")
    ledger.close(9)
    assert ledger.drop() is None
    assert Closed(SUBJECT, 9, []).key == f"{SUBJECT}#closed"

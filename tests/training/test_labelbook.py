"""The book of labels: nothing overwritten, nothing taken twice, nothing decided that only a person can decide."""

import threading
from datetime import UTC, datetime, timedelta
from itertools import permutations

import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st

from model.errors import ArchiveError
from stream import database
from stream.archive import Archive
from stream.records import Label
from training.labelbook import (
    WRITTEN,
    LabelBook,
    agreed,
    contradicts,
    disagreements,
    enter,
    merged,
    training_notes,
)
from training.labels import text_key

NOW = datetime(2026, 3, 4, 9, 30, tzinfo=UTC)


def label(title="Acme falls", topic=None, sentiment=None, annotator="rita", at=NOW, **changes):
    fields = {"headline_id": "h1", "source": "import"} | changes
    return Label(title=title, topic=topic, sentiment=sentiment, annotator=annotator, labelled_at=at, **fields)


@pytest.fixture
def archive(tmp_path):
    opened = Archive(f"sqlite:///{tmp_path / 'archive.db'}")
    yield opened
    opened.close()


@pytest.fixture
def book(archive):
    return LabelBook(archive.engine)


def outcomes(entered):
    return [each.outcome for each in entered]


def history(archive):
    query = sa.text("SELECT revision, topic, sentiment FROM labels ORDER BY text_key, annotator, revision")
    with archive.engine.connect() as connection:
        return [tuple(row) for row in connection.execute(query)]


def test_what_comes_out_is_what_went_in(book):
    given = [
        label(
            "Acme “falls” 恒运", "earnings", "negative", entities={"Acme": "negative"}, language="zh", source="verdict"
        ),
        label("Bolt rises", None, "positive", at=NOW + timedelta(microseconds=1)),
    ]
    assert outcomes(book.add(given)) == ["added", "added"]
    assert book.current() == given


@pytest.mark.parametrize(
    "other", ["ACME FALLS", "acme  falls ", "Acme falls https://t.co/x", "Acme\u200bfalls".replace("\u200b", "\u200b ")]
)
def test_case_spacing_and_links_make_no_other_text(other):
    assert text_key(other) == text_key("Acme falls")


@pytest.mark.parametrize("other", ["EPS 0.95 vs 1.10", "EPS 1.10 vs 0.95?", "EPS 1.1 vs 0.95"])
def test_figures_and_punctuation_make_another_text(other):
    assert text_key(other) != text_key("EPS 1.10 vs 0.95")


def test_the_same_again_changes_nothing(book, archive):
    rows = [label(topic="earnings"), label("Bolt", sentiment="neutral"), label("BOLT", sentiment="neutral")]
    assert outcomes(book.add(rows)) == ["added", "added", "duplicate"]
    before = history(archive)
    assert outcomes(book.add([label(topic="earnings", at=NOW + timedelta(days=1)), *rows[1:]])) == ["known"] * 3
    assert history(archive) == before


def test_a_head_that_was_missing_completes_the_label(book, archive):
    book.add([label(topic="earnings", entities={"Acme": "negative"})])
    assert outcomes(book.add([label(sentiment="negative", entities={"Bolt": "positive"})])) == ["completed"]
    (now,) = book.current()
    assert (now.topic, now.sentiment) == ("earnings", "negative")
    assert now.entities == {"Acme": "negative", "Bolt": "positive"}
    assert history(archive) == [(1, "earnings", None), (2, "earnings", "negative")]


def test_a_topic_and_a_sentiment_of_two_rows_are_one_label(book):
    assert outcomes(book.add([label(topic="earnings"), label(sentiment="negative")])) == ["added", "completed"]
    (now,) = book.current()
    assert (now.topic, now.sentiment) == ("earnings", "negative")


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_of_a_text_with_two_labels_in_one_call_none_is_taken_whatever_the_order(book, order):
    rows = [label(sentiment="negative"), label(sentiment="positive"), label(topic="earnings")]
    entered = book.add([rows[at] for at in order] + [label("Bolt", sentiment="neutral")])
    assert outcomes(entered) == ["conflict"] * 3 + ["added"]
    for at, each in enumerate(entered[:3]):
        assert each.at != at
        assert each.at is not None
        assert each.against.sentiment != each.label.sentiment
    assert [each.title for each in book.current()] == ["Bolt"]


def test_a_label_against_the_book_is_told_and_not_taken(book, archive):
    book.add([label(sentiment="negative")])
    (refused,) = book.add([label(sentiment="positive", topic="earnings")])
    assert (refused.outcome, refused.at) == ("conflict", None)
    assert refused.against == label(sentiment="negative")
    assert history(archive) == [(1, None, "negative")]


def test_replacing_keeps_the_old_one_in_the_history_and_what_was_not_contradicted(book, archive):
    book.add([label(topic="earnings", sentiment="negative")])
    assert outcomes(book.add([label(sentiment="positive")], replace=True)) == ["replaced"]
    assert outcomes(book.add([label(sentiment="positive")], replace=True)) == ["known"]
    assert history(archive) == [(1, "earnings", "negative"), (2, "earnings", "positive")]


def test_replacing_takes_the_later_of_two_rows_and_the_same_call_again_changes_nothing(book, archive):
    rows = [label(sentiment="negative"), label(sentiment="positive")]
    entered = book.add(rows, replace=True)
    assert outcomes(entered) == ["conflict", "added"]
    assert entered[0].at == 1
    assert outcomes(book.add(rows, replace=True)) == ["conflict", "known"]
    assert history(archive) == [(1, None, "positive")]


def test_of_a_row_that_is_overruled_in_one_head_the_other_is_taken(book, archive):
    rows = [label(topic="earnings", sentiment="negative"), label(topic="other")]
    assert outcomes(book.add(rows, replace=True)) == ["conflict", "completed"]
    assert history(archive) == [(1, "other", "negative")]
    assert outcomes(book.add(rows, replace=True)) == ["conflict", "known"]


def test_two_annotators_may_differ(book):
    entered = book.add([label(sentiment="negative"), label(sentiment="positive", annotator="tom")])
    assert outcomes(entered) == ["added", "added"]
    ((one, other),) = disagreements(book.current())
    assert {one.annotator, other.annotator} == {"rita", "tom"}


def test_a_dry_run_says_the_same_and_writes_nothing(book):
    rows = [label(sentiment="negative"), label("Bolt", topic="earnings"), label("Bolt", topic="other")]
    foreseen = book.add(rows, dry_run=True)
    assert book.current() == []
    assert book.add(rows) == foreseen


def test_more_texts_than_one_transaction_takes_keep_their_order_and_places(book):
    rows = [label(f"Acme {number}", topic="earnings") for number in range(1_203)]
    rows.insert(7, label("Acme 1100", topic="other"))
    entered = book.add(rows)
    assert [each.label for each in entered] == rows
    clash = rows.index(label("Acme 1100", topic="earnings"))
    assert (entered[7].outcome, entered[7].at) == ("conflict", clash)
    assert (entered[clash].outcome, entered[clash].at) == ("conflict", 7)
    assert len(book.current()) == 1_202


def test_two_books_on_one_archive_that_write_at_once_lose_nothing(archive, tmp_path):
    LabelBook(archive.engine)
    annotators = [f"annotator {number}" for number in range(4)]
    failures = []

    def work(name):
        own = Archive(f"sqlite:///{tmp_path / 'archive.db'}")
        try:
            mine = LabelBook(own.engine)
            for number in range(25):
                mine.add(
                    [
                        label(f"Shared {number}", sentiment="neutral"),
                        label(f"Text {number}", annotator=name, topic="other"),
                    ]
                )
        except ArchiveError as error:
            failures.append(error)
        finally:
            own.close()

    threads = [threading.Thread(target=work, args=(name,)) for name in annotators]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    now = LabelBook(archive.engine).current()
    assert len(now) == 25 + 4 * 25
    assert sum(row[0] > 1 for row in history(archive)) == 0


def test_a_locked_archive_is_one_line(tmp_path, monkeypatch):
    monkeypatch.setattr(database, "LOCK_SECONDS", 0)
    opened = Archive(f"sqlite:///{tmp_path / 'archive.db'}")
    book = LabelBook(opened.engine)
    other = Archive(f"sqlite:///{tmp_path / 'archive.db'}")
    with other.engine.connect() as holder:
        holder.exec_driver_sql("BEGIN IMMEDIATE")
        with pytest.raises(ArchiveError, match=r"^the book of labels cannot be written: database is locked$"):
            book.add([label(topic="earnings")])
        holder.exec_driver_sql("ROLLBACK")
    assert outcomes(book.add([label(topic="earnings")])) == ["added"]
    other.close()
    opened.close()


def test_a_book_that_cannot_be_opened_is_one_line(tmp_path):
    (tmp_path / "archive.db").mkdir()
    with pytest.raises(ArchiveError, match=r"^the book of labels cannot be opened: unable to open"):
        LabelBook(sa.create_engine(f"sqlite:///{tmp_path / 'archive.db'}"))


HEADS = st.sampled_from([None, "negative", "positive"])
LABELS = st.builds(
    label,
    st.sampled_from(["Acme falls", "ACME FALLS", "Bolt"]),
    st.sampled_from([None, "earnings", "other"]),
    HEADS,
    st.sampled_from(["rita", "tom"]),
).filter(lambda made: made.topic or made.sentiment)


def after(current, written):
    return {**current, **written}


@settings(max_examples=200)
@given(st.lists(LABELS, max_size=8), st.lists(LABELS, max_size=8), st.booleans())
def test_whatever_comes_a_second_time_changes_nothing(first, second, replace):
    _, current = enter(first, {})
    entered, written = enter(second, current, replace)
    current = after(current, written)
    again, nothing = enter(second, current, replace)
    assert nothing == {}
    assert not any(each.outcome in WRITTEN for each in again)
    assert [each.outcome == "conflict" for each in again] == [each.outcome == "conflict" for each in entered]


@settings(max_examples=200)
@given(st.lists(LABELS, max_size=8), st.lists(LABELS, max_size=8))
def test_without_replacing_nothing_that_the_book_says_is_unsaid(first, second):
    _, current = enter(first, {})
    _, written = enter(second, current)
    for key, now in written.items():
        if key in current:
            assert not contradicts(current[key], now)
            assert merged(current[key], now) == now


@settings(max_examples=200)
@given(st.lists(LABELS, max_size=8), st.randoms(use_true_random=False))
def test_the_order_of_rows_does_not_matter(rows, random):
    shuffled = list(rows)
    random.shuffle(shuffled)
    said = [
        {key: (each.topic, each.sentiment) for key, each in enter(order, {})[1].items()} for order in (rows, shuffled)
    ]
    assert said[0] == said[1]


def test_those_who_agree_make_one_label_with_all_their_names():
    (one,), disputed = agreed([label(topic="earnings"), label(sentiment="negative", annotator="tom", language="en")])
    assert disputed == []
    assert (one.topic, one.sentiment, one.annotator, one.language) == ("earnings", "negative", "rita;tom", "en")


def test_a_text_on_which_they_differ_is_left_out_unless_most_agree():
    votes = [
        label(topic="earnings", sentiment="negative"),
        label(topic="earnings", sentiment="positive", annotator="tom"),
        label(topic="earnings", sentiment="positive", annotator="uwe"),
        label("Bolt", topic="other"),
    ]
    assert [each.title for each in agreed(votes).labels] == ["Bolt"]
    assert agreed(votes).disputed == [votes[:3]]
    labels, disputed = agreed(votes, majority=True)
    assert disputed == []
    assert (labels[0].sentiment, labels[0].annotator) == ("positive", "tom;uwe")


def test_a_tie_has_no_majority_and_the_other_head_is_kept():
    votes = [
        label(topic="earnings", sentiment="negative"),
        label(topic="earnings", sentiment="neutral", annotator="tom"),
    ]
    ((one,), disputed) = agreed(votes, majority=True)
    assert (one.topic, one.sentiment) == ("earnings", None)
    assert disputed == []
    tie = [label(sentiment="negative"), label(sentiment="neutral", annotator="tom")]
    assert agreed(tie, majority=True) == ([], [tie])


def test_an_entity_in_dispute_leaves_the_text_in():
    votes = [
        label(topic="earnings", entities={"Acme": "negative", "Bolt": "positive"}),
        label(topic="earnings", annotator="tom", entities={"Acme": "neutral"}),
    ]
    assert disagreements(votes) == []
    ((one,), _) = agreed(votes)
    assert one.entities == {"Bolt": "positive"}


def test_notes_say_what_keeps_a_model_from_being_trained():
    few = [label(f"Acme {number}", topic="climate", sentiment="negative") for number in range(3)]
    notes = training_notes(few)
    assert notes[0].startswith("3 labelled texts are too few to train on alone: label 100 or more")
    assert "all labels have the same topic, climate" in notes[1]
    assert "all labels have the same sentiment, negative" in notes[2]
    many = [label(f"Acme {n}", "other" if n % 2 else "earnings", ("negative", "neutral")[n % 2]) for n in range(100)]
    assert training_notes(many) == []


def test_a_label_that_is_taken_back_leaves_what_stood_before_and_stays_on_record(book, archive):
    first = label("Bolt falls", topic="earnings")
    book.add([first])
    second = label("Bolt falls", topic="other", sentiment="neutral")
    book.add([second], replace=True)
    book.restore(second, first)
    assert [each.topic for each in book.current()] == ["earnings"]
    book.restore(first, None)
    assert book.current() == []
    assert book.find("Bolt falls", first.annotator) is None
    assert [each.outcome for each in book.add([second])] == ["added"]
    with archive.engine.connect() as connection:
        assert connection.execute(sa.text("SELECT count(*) FROM labels")).scalar() == 5

"""What a training is given: bad rows told, contradictions out, the headlines of its own language learnt again."""

from dataclasses import dataclass
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.errors import InputError, UsageError
from model.taxonomy import Taxonomy
from training import material
from training.labels import LabelledText, corpus_files, is_corpus, is_own, part_of, without_contradictions
from training.material import gather

TAXONOMY = Taxonomy()


@dataclass
class Said:
    """What was told, line by line."""

    lines: list[str]

    def __call__(self, line: str) -> None:
        self.lines.append(line)

    def __contains__(self, part: str) -> bool:
        return any(part in line for line in self.lines)


def row(text, topic=None, sentiment=None, origin="mine"):
    return LabelledText(text, topic, sentiment, origin)


def model_of(languages, topics=()):
    """As much of a bundle as is asked for."""
    return SimpleNamespace(manifest=SimpleNamespace(languages=languages), taxonomy=TAXONOMY.with_topics(topics))


@pytest.fixture
def sheet(tmp_path):
    def of(rows, name="mine.csv"):
        path = tmp_path / name
        path.write_text("title,topic,sentiment\n" + "".join(f"{line}\n" for line in rows), encoding="utf-8")
        return str(path)

    return of


WORDS = "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi omicron pi rho sigma tau".split()


def many(count=200):
    """Rows of which no two are alike."""
    return [
        f"{WORDS[at % 19]} {WORDS[at // 19 % 19]} {WORDS[at * 7 % 19]}{'abcdefghijk'[at // 19]} firm {at},"
        f"{'earnings' if at % 2 else 'other'},{('negative', 'neutral', 'positive')[at % 3]}"
        for at in range(count)
    ]


def test_bad_rows_are_told_with_their_line_and_left_out(sheet):
    said = Said([])
    path = sheet([*many(), "Acme falls,sport,negative", "Bolt,,"])
    parts, _ = gather([path], TAXONOMY, None, "en", said)
    assert f"{path}:202: unknown topic 'sport'" in said
    assert f"{path}:203: no label" in said
    assert "left out: 2 bad rows" in said
    assert not any(each.text == "Acme falls" for part in parts.values() for each in part)


def test_strict_stops_at_the_first_bad_row_and_at_a_contradiction(sheet):
    with pytest.raises(InputError, match="unknown topic 'sport'"):
        gather([sheet([*many(), "Acme falls,sport,negative"])], TAXONOMY, None, "en", Said([]), strict=True)
    contradicting = [*many(), "Acme falls,earnings,negative", "acme falls,earnings,positive"]
    with pytest.raises(InputError, match="two sentiments for one text, negative and positive: 'acme falls'"):
        gather([sheet(contradicting)], TAXONOMY, None, "en", Said([]), strict=True)


def test_a_text_with_two_labels_of_a_head_is_taken_by_neither_and_told():
    rows = [
        row("Acme falls", "earnings", "negative"),
        row("ACME  falls", "other"),
        row("Bolt wins", None, "positive"),
        row("Bolt wins", "earnings"),
        row("Cat", "other"),
    ]
    kept, lines = without_contradictions(rows)
    assert [each.text for each in kept] == ["Bolt wins", "Bolt wins", "Cat"]
    assert lines == ["two topics for one text, earnings and other: 'acme falls'"]


@given(st.lists(st.builds(row, st.sampled_from("abc"), st.sampled_from([None, "other", "earnings"]))))
def test_what_is_kept_contradicts_nothing(rows):
    kept, lines = without_contradictions(rows)
    assert without_contradictions(kept) == (kept, [])
    assert bool(lines) == (len(kept) < len(rows))


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        (["Acme falls,earnings,negative"] * 3, "3 labelled rows are too few .*--base bundled"),
        ([line.rpartition(",")[0] + "," for line in many()], "no row has a sentiment"),
        ([line.rpartition(",")[0] + ",negative" for line in many()], "all rows have the same sentiment"),
    ],
)
def test_what_cannot_be_learnt_from_is_refused_in_a_line(sheet, rows, told):
    with pytest.raises(InputError, match=told):
        gather([sheet(rows)], TAXONOMY, None, "en", Said([]))


def test_a_new_topic_without_rows_is_refused(sheet):
    with pytest.raises(UsageError, match="no row has the new topic climate"):
        gather([sheet(many())], TAXONOMY.with_topics(["climate"]), None, "en", Said([]))
    before = model_of(["en"], ["climate"])
    assert gather([sheet(many())], before.taxonomy, before, "en", Said([]))


@pytest.mark.parametrize(("languages", "origin"), [(["en"], "corpus"), (["zh"], "corpus-zh")])
def test_who_goes_on_from_a_model_learns_its_own_language_again(sheet, languages, origin):
    parts, _ = gather([sheet(many())], TAXONOMY, model_of(languages), languages[0], Said([]))
    origins = {each.origin for part in parts.values() for each in part}
    assert origins == {"mine", origin}
    assert {is_own(each) for each in parts["train"] if each.origin == "mine"} == {True}
    assert not any(is_own(each) for each in parts["train"] if each.origin == origin)


def test_texts_that_are_rehearsed_train_without_labels_and_nothing_that_is_held_back_does(sheet):
    said = Said([])
    mine = sheet(many(), "mine.csv")
    news = [f"{line.partition(',')[0].replace('firm', 'plant')},sport,negative" for line in many()]
    labelled = many()[0]
    parts, _ = gather(
        [mine], TAXONOMY, model_of(["en"]), "en", said, rehearsed=[sheet([*news, labelled, "..."], "news.csv")]
    )
    rehearsed = [each for each in parts["train"] if each.origin == "news"]
    assert len(rehearsed) > 150
    assert {(each.topic, each.sentiment) for each in rehearsed} == {(None, None)}
    assert not any(is_own(each) for each in rehearsed)
    assert not any(each.origin == "news" for part in ("validation", "test") for each in parts[part])
    assert not {each.text for each in rehearsed} & {
        each.text for part in parts.values() for each in part if is_own(each)
    }
    assert {part_of(each.text) for each in rehearsed} == {"train"}
    corpus = sum(is_corpus(each.origin) for each in parts["train"])
    assert f"rehearsed without labels: {len(rehearsed)} of 201 texts; {corpus:,} of our own" in said
    assert corpus > 7_000
    assert "news.csv:203: no text" in said


def test_the_more_is_rehearsed_the_fewer_of_the_projects_own_headlines_are_shown_again(sheet, monkeypatch):
    monkeypatch.setattr(material, "SHOWN_AGAIN", 1_000)
    news = [f"{line.partition(',')[0].replace('firm', 'plant')},," for line in many()]
    parts, _ = gather([sheet(many())], TAXONOMY, model_of(["en"]), "en", Said([]), rehearsed=[sheet(news, "news.csv")])
    again = [each for each in parts["train"] if not is_own(each)]
    assert len(again) == 1_000
    assert len(parts["train"]) - len(again) > 150


def test_a_bad_row_among_what_is_rehearsed_stops_a_strict_training(sheet):
    news = sheet(["...,,"], "news.csv")
    with pytest.raises(InputError, match=r"news\.csv:2: no text"):
        gather([sheet(many())], TAXONOMY, model_of(["en"]), "en", Said([]), strict=True, rehearsed=[news])


@pytest.mark.parametrize("rows", [[], ["...,,"]])
def test_a_file_without_a_text_to_rehearse_is_refused(sheet, rows):
    news = sheet(rows, "news.csv")
    with pytest.raises(InputError, match=r"no text to rehearse in .*news\.csv: a row needs a title or text"):
        gather([sheet(many())], TAXONOMY, model_of(["en"]), "en", Said([]), rehearsed=[news])


def test_files_of_the_corpus_are_not_read_twice():
    english = corpus_files(["en"])
    first, _ = gather(english, TAXONOMY, None, "en", Said([]))
    again, _ = gather(english, TAXONOMY, model_of(["en"]), "en", Said([]))
    assert first == again
    assert all(is_corpus(each.origin) for each in first["train"])

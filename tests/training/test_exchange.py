"""Label files as people have them: CSV, JSONL, Label Studio's exports; what is wrong with a row, and with a file."""

import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model.errors import InputError, UsageError
from model.masking import Masker
from model.taxonomy import Taxonomy
from stream.archive import Archive
from stream.records import Label
from training.exchange import (
    Reader,
    as_csv,
    as_json,
    as_jsonl,
    encoding_of,
    label_row,
    require_new_topic,
)
from training.intake import take_in
from training.labelbook import LabelBook
from training.labels import read_labels
from training.labelstudio import labelled_task, predicted_task

NOW = datetime(2026, 3, 4, 9, 30, tzinfo=UTC)
READER = Reader(Taxonomy(), "desk", NOW)
COLUMNS = ("id", "title", "topic", "sentiment", "entities", "language", "source", "annotator", "labelled_at")


@pytest.fixture
def file(tmp_path):
    def of(content, name="mine.csv"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return str(path)

    return of


def said(read):
    return [(found.label.title, found.label.topic, found.label.sentiment) for found in read.found]


def test_a_sheet_with_a_title_and_labels_is_enough(file):
    read = READER.read(
        file("Text,Topic,Sentiment\nAcme falls,Macro,NEGATIVE\nBolt rises,earnings,\n\nNews,, neutral \n")
    )
    assert said(read) == [
        ("Acme falls", "macro_economy", "negative"),
        ("Bolt rises", "earnings", None),
        ("News", None, "neutral"),
    ]
    assert [found.where.rpartition(":")[2] for found in read.found] == ["2", "3", "5"]
    assert {(found.label.annotator, found.label.labelled_at, found.label.source) for found in read.found} == {
        ("desk", NOW, "import")
    }


def test_what_is_labelled_is_kept_masked(file):
    private = 'title,sentiment\n"Acme falls, call 212-555-0143, says @kettlefan",negative\n'
    assert said(READER.read(file(private))) == [("Acme falls, call [phone], says @kettlefan", None, "negative")]
    by_choice = replace(READER, masker=Masker(handles=True))
    assert said(by_choice.read(file(private))) == [("Acme falls, call [phone], says [handle]", None, "negative")]


def test_a_rows_own_id_annotator_time_language_and_entities_are_kept(file):
    row = {
        "id": 7,
        "title": "Acme falls",
        "sentiment": "negative",
        "annotator": "rita",
        "language": "en",
        "labelled_at": "2026-01-02T03:04:05+01:00",
        "entities": {"Acme": "negative"},
    }
    (found,) = READER.read(file(json.dumps(row) + "\n", "mine.jsonl")).found
    assert found.label == Label(
        "7",
        "Acme falls",
        "rita",
        datetime(2026, 1, 2, 2, 4, 5, tzinfo=UTC),
        "import",
        None,
        "negative",
        {"Acme": "negative"},
        "en",
    )


def test_a_row_without_an_id_has_the_one_that_the_same_headline_would_have(file):
    header = "title,source,date,sentiment\n"
    first, second = (READER.read(file(header + f"Acme falls,Wire,{day},negative\n")).found for day in ("1", "2"))
    assert len({first[0].label.headline_id, second[0].label.headline_id}) == 2
    again = READER.read(file(header + "Acme falls,Wire,1,positive\n")).found
    assert again[0].label.headline_id == first[0].label.headline_id


def test_several_names_are_several_annotators(file):
    read = READER.read(file("title,topic,annotator\nAcme falls,other,rita; tom;rita\nBolt,other,;\n"))
    assert [found.label.annotator for found in read.found] == ["rita", "tom", "desk"]


def test_rows_that_nobody_has_labelled_yet_are_no_problem(file):
    read = READER.read(file("title,topic,sentiment\nAcme falls,,\nBolt, , \nNews,other,\n"))
    assert (len(read.found), read.problems, read.unlabelled) == (1, [], 2)


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"title": "Acme", "topic": "earnigs"}, "unknown topic 'earnigs', did you mean 'earnings'?"),
        ({"title": "Acme", "topic": "Legal and regulatory"}, "did you mean 'legal_regulatory'?"),
        ({"title": "Acme", "topic": "climate"}, "unknown topic 'climate'"),
        ({"title": "Acme", "topic": 5}, "unknown topic '5'"),
        ({"title": "Acme", "sentiment": "postive"}, "unknown sentiment 'postive', did you mean 'positive'?"),
        ({"title": "Acme", "sentiment": -1}, "unknown sentiment '-1', it is negative, neutral, positive"),
        ({"title": "Acme", "topic": "x", "sentiment": "y"}, "unknown topic 'x'; unknown sentiment 'y', it is"),
        ({"title": "Acme", "topic": ["other", "earnings"]}, "more than one topic: other, earnings"),
        ({"topic": "other"}, "no text"),
        ({"title": "🚀", "topic": "other"}, "no text"),
        ({"title": "x" * 2_001, "topic": "other"}, "the text has 2,001 characters, a headline 2,000 at most"),
        ({"title": "a\x00b", "topic": "other"}, "$.title"),
        ({"title": "a", "topic": "other", "annotator": "x" * 129}, "$.annotator"),
        ({"title": "a", "topic": "other", "id": "x" * 257}, "$.headline_id"),
        ({"title": "a", "topic": "other", "entities": {"Acme": "bad"}}, "$.entities"),
        ({"title": "a", "topic": "other", "entities": "{'Acme': 'negative'}"}, "entities are not JSON"),
        ({"title": "a", "topic": "other", "entities": "{" * 100_000}, "entities are not JSON"),
    ],
)
def test_a_row_that_is_no_label_is_told_with_its_line_and_the_rest_is_read(file, row, reason):
    read = READER.read(file(json.dumps(row) + '\n{"title": "Bolt", "topic": "other"}\n', "mine.jsonl"))
    assert said(read) == [("Bolt", "other", None)]
    (problem,) = read.problems
    assert problem.where.endswith("mine.jsonl:1")
    assert reason in problem.reason
    assert problem.topic == (str(row["topic"]) if "unknown topic" in problem.reason else None)


def test_a_list_of_names_in_entities_says_nothing_of_sentiment(file):
    (found,) = READER.read(file("title,topic,entities\nAcme,other,Acme;Bolt\n")).found
    assert found.label.entities == {}


def test_a_new_topic_is_known_once_the_taxonomy_has_it(file):
    reader = Reader(Taxonomy().with_topics(["climate"]), "desk", NOW)
    assert said(reader.read(file("title,topic\nFlood shuts Acme,Climate\n"))) == [("Flood shuts Acme", "climate", None)]


@pytest.mark.parametrize("name", ["climate", "space_2", "x", "earnings", "a" * 40])
def test_a_good_name_for_a_topic(name):
    assert require_new_topic(name) == name


@pytest.mark.parametrize(
    "name", ["Climate", "climate change", "", "2space", "_x", "klima-wandel", "气候", "a" * 41, "a\n"]
)
def test_a_name_that_no_topic_can_have(name):
    with pytest.raises(UsageError, match="is no name for a topic"):
        require_new_topic(name)


@pytest.mark.parametrize(("name", "meant"), [("macro", "macro_economy"), ("dividend", "ipo_capital")])
def test_a_name_that_public_sets_have_for_another_topic(name, meant):
    with pytest.raises(UsageError, match=f"'{name}' is what public sets call the topic {meant}"):
        require_new_topic(name)


SHEET = "title,topic,sentiment\nAcme falls,earnings,negative\n"


@pytest.mark.parametrize(
    ("content", "name", "told"),
    [
        ("", "a.csv", "is empty"),
        ("\ufeff\n\n", "a.csv", "is empty"),
        ("", "a.jsonl", "is empty"),
        ("", "a.json", "is empty"),
        ("[]", "a.json", "is empty: an export without a task"),
        (SHEET, "a.xlsx", "not from '.xlsx': save the sheet as 'CSV UTF-8'"),
        (SHEET, "a", "not from 'no suffix'"),
        (SHEET.encode("utf-16"), "a.csv", "is UTF-16: save it as 'CSV UTF-8'"),
        (SHEET.encode("utf-16-le"), "a.csv", "is UTF-16"),
        (json.dumps([]).encode("utf-16"), "a.json", "is UTF-16"),
        (SHEET.replace(",", ";"), "a.csv", "is separated by semicolons: save it with commas"),
        (SHEET.replace(",", "\t"), "a.csv", "is separated by tabs"),
        ("headline,topic\nAcme,other\n", "a.csv", "a CSV needs a header with a column 'title' (or 'text')"),
        (
            "title,label\nAcme,negative\nBolt,positive\n",
            "a.csv",
            "no column 'topic' or 'sentiment': call the column 'label'",
        ),
        ("text,source\nAcme,Wire\n", "a.csv", "has no column 'topic' or 'sentiment'; found source, text"),
        ("title,source\nAcme,Wire\n", "a.csv", "has no column 'topic' or 'sentiment'; found source, title"),
        ("title,topic,sentiment\nAcme,,\n", "a.csv", "has no label: nobody has filled in a topic or a sentiment yet"),
        ('{"title": "Acme"}\n', "a.jsonl", "has no column 'topic' or 'sentiment'; found title"),
        ('{"title": "a", "topic": "other"}\n{"title": "b"}\n', "a.json", "and to be called .jsonl"),
        ("{", "a.json", "is not JSON"),
        ("[" * 100_000, "a.json", "is not JSON"),
        ("\xff".encode("latin-1"), "a.json", "is not UTF-8: export it again as JSON"),
        ('{"version": 1}', "a.json", "is no export of Label Studio's"),
        ("[1, 2]", "a.json", "is no export of Label Studio's"),
        ("3", "a.json", "is no export of Label Studio's"),
    ],
)
def test_a_file_that_is_of_no_use_is_refused_in_a_line_that_says_what_to_do(file, content, name, told):
    with pytest.raises(InputError) as refused:
        READER.read(file(content, name))
    assert told in str(refused.value)
    assert name in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_folder_and_an_absent_file_are_refused(tmp_path):
    with pytest.raises(InputError, match="is a folder: give the files in it"):
        READER.read(str(tmp_path))
    with pytest.raises(InputError, match="cannot be read: No such file"):
        READER.read(str(tmp_path / "absent.csv"))


def test_of_a_file_in_latin_1_the_plain_rows_are_read_and_the_encoding_is_named(file):
    content = "title,topic\nAcme falls,earnings\nSociété Générale chute,earnings\n".encode("cp1252")
    read = READER.read(file(content))
    assert said(read) == [("Acme falls", "earnings", None)]
    assert read.problems[0].where.endswith("mine.csv:3")
    assert read.notes[0].endswith("is Windows-1252 (Latin-1), not UTF-8: save it as 'CSV UTF-8'")


def test_a_chinese_sheet_in_gbk_is_recognised(file):
    read = READER.read(file("title,sentiment\n公司业绩预增,positive\nAcme,neutral\n".encode("gb18030")))
    assert said(read) == [("Acme", None, "neutral")]
    assert "GB 18030 (Chinese)" in read.notes[0]


@given(st.text("abcdefgh éèüöä", min_size=5).filter(lambda text: not text.isascii()))
def test_words_of_the_west_are_not_taken_for_chinese_where_their_accents_stand_apart(text):
    apart = " ".join("z".join(word) for word in text.split())
    assert encoding_of(f"{apart} x".encode("cp1252")) == "Windows-1252 (Latin-1)"


def test_what_a_model_scored_is_told_apart_from_what_people_labelled(file):
    row = {"title": "Acme falls", "topic": "other", "sentiment": "negative", "scored_at": "2026-01-01T00:00:00Z"}
    assert "a model's scores" in READER.read(file(json.dumps(row) + "\n", "s.jsonl")).notes[0]


def annotation(by, cancelled=False, result=None, **chosen):
    regions = [
        {
            "id": f"r{name}",
            "from_name": name,
            "to_name": "text",
            "type": "choices",
            "origin": "manual",
            "value": {"choices": value if isinstance(value, list) else [value]},
        }
        for name, value in chosen.items()
    ]
    return {
        "id": 1,
        "completed_by": by,
        "result": regions if result is None else result,
        "was_cancelled": cancelled,
        "ground_truth": False,
        "created_at": "2026-02-01T10:00:00.000000Z",
        "updated_at": "2026-02-01T10:05:00.000000Z",
        "lead_time": 3.5,
        "result_count": 0,
        "task": 11,
    }


def task(number, *annotations, **data):
    return {
        "id": number,
        "annotations": list(annotations),
        "drafts": [],
        "data": data,
        "meta": {},
        "project": 1,
        "predictions": [{"model_version": "m", "score": 0.4, "result": annotation(1, topic="other")["result"]}],
    }


def test_an_export_of_label_studio_has_every_annotators_choices(file):
    tasks = [
        task(
            11,
            annotation(1, topic="earnings", sentiment="negative"),
            annotation({"id": 2, "email": "tom@desk.example"}, sentiment="neutral"),
            text="Acme falls",
        ),
        task(12, annotation(1, cancelled=True), title="Bolt"),
        task(13, title="Nobody has looked at this"),
        task(14, annotation(1, Sentiment="positive"), title="Case of a control's name", headline_id="h14"),
        task(15, annotation(1, topic="sport"), title="Derby"),
        task(16, annotation(1, topic=["earnings", "other"]), title="Two"),
        task(17, annotation(1, result=[]), title="Submitted without a choice"),
        {"id": 18, "data": {"title": "Old"}, "completions": [{"result": annotation(3, topic="other")["result"]}]},
        task(19, annotation(4, topic="other"), title="Half \ud83d of a pair"),
        {"id": 20, "data": {"title": "x"}, "annotations": "none"},
    ]
    read = READER.read(file(json.dumps(tasks), "project-1.json"))
    annotated = [
        (found.where.rpartition(": ")[2], *row, found.label.annotator)
        for found, row in zip(read.found, said(read), strict=True)
    ]
    assert annotated == [
        ("task 11", "Acme falls", "earnings", "negative", "label-studio-1"),
        ("task 11", "Acme falls", None, "neutral", "tom@desk.example"),
        ("task 14", "Case of a control's name", None, "positive", "label-studio-1"),
        ("task 18", "Old", "other", None, "desk"),
    ]
    assert read.found[0].label.labelled_at == datetime(2026, 2, 1, 10, 5, tzinfo=UTC)
    assert read.found[2].label.headline_id == "h14"
    assert [(each.where.rpartition(": ")[2], each.reason) for each in read.problems] == [
        ("task 15", "unknown topic 'sport'"),
        ("task 16", "more than one topic: earnings, other"),
        ("task 19", "the text is no Unicode: it holds half of a pair of surrogates"),
        ("task 20", "its annotations are no list of objects"),
    ]
    assert (read.skipped, read.unlabelled) == (1, 2)


def test_json_min_is_read_too(file):
    rows = [
        {
            "id": 11,
            "text": "Acme falls",
            "topic": "earnings",
            "sentiment": {"choices": ["negative"]},
            "annotator": 1,
            "annotation_id": 5,
            "created_at": "2026-02-01T10:00:00Z",
            "updated_at": "2026-02-01T10:05:00Z",
            "lead_time": 2,
        },
        {"id": 12, "title": "Bolt", "annotator": 2, "annotation_id": 6},
        {"id": 13, "title": "Bolt", "topic": {"choices": ["earnings", "other"]}, "annotator": 2},
    ]
    read = READER.read(file(json.dumps(rows), "min.json"))
    assert said(read) == [("Acme falls", "earnings", "negative")]
    (found,) = read.found
    assert (found.label.annotator, found.label.labelled_at.minute) == ("label-studio-1", 5)
    assert found.label.headline_id != "11", "that is the task's number"
    assert (len(read.problems), read.unlabelled) == (1, 1)


def test_an_export_whose_controls_have_other_names_is_refused_with_the_names_found(file):
    tasks = [task(11, annotation(1, label="negative"), text="Acme falls")]
    with pytest.raises(InputError, match=r"has no choice 'topic' or 'sentiment': call the choice 'label' topic or"):
        READER.read(file(json.dumps(tasks), "project.json"))


def test_an_export_in_which_nobody_has_chosen_yet_is_told(file):
    with pytest.raises(InputError, match="has no choice 'topic' or 'sentiment'; found title"):
        READER.read(file(json.dumps([task(11, title="Acme falls")]), "project.json"))


LABELS = st.builds(
    Label,
    headline_id=st.text("abc123", min_size=1, max_size=8),
    title=st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cf", "Zs", "Zl", "Zp"]), max_size=30).map(
        lambda end: f"Acme {end}".strip()
    ),
    annotator=st.sampled_from(["rita", "tom", "uwe"]),
    labelled_at=st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1)).map(lambda at: at.replace(tzinfo=UTC)),  # noqa: DTZ001
    source=st.just("import"),
    topic=st.sampled_from([None, "earnings", "other"]),
    sentiment=st.sampled_from(["negative", "neutral"]),
    entities=st.dictionaries(st.sampled_from(["Acme", "=Bolt"]), st.sampled_from(["negative", "positive"])),
    language=st.sampled_from(["", "en"]),
)


@settings(max_examples=60)
@given(st.lists(LABELS, min_size=1, max_size=5))
def test_what_is_exported_is_imported_as_it_was(tmp_path_factory, labels):
    folder = tmp_path_factory.mktemp("out")
    rows = [label_row(label, "Wire") for label in labels]
    for name, text in (
        ("a.csv", as_csv(COLUMNS, rows)),
        ("a.jsonl", as_jsonl(COLUMNS, rows)),
        ("a.json", as_json(map(labelled_task, rows))),
    ):
        (folder / name).write_text(text, encoding="utf-8", newline="")
        read = READER.read(str(folder / name))
        assert read.problems == []
        assert [found.label for found in read.found] == labels


def test_training_reads_what_is_exported(tmp_path):
    label = Label(
        "h1", "Acme falls, again", "rita;tom", NOW, "review", "climate", "negative", {"Acme": "negative"}, "en"
    )
    (tmp_path / "labels.csv").write_text(as_csv(COLUMNS, [label_row(label, "Wire")]), encoding="utf-8", newline="")
    (row,) = read_labels([str(tmp_path / "labels.csv")], Taxonomy().with_topics(["climate"])).rows
    assert (row.text, row.topic, row.sentiment, row.source, row.language) == (
        "Acme falls, again",
        "climate",
        "negative",
        "Wire",
        "en",
    )
    assert row.entities == {"Acme": "negative"}


@pytest.mark.parametrize("title", ["=HYPERLINK(1)", "+1 for Acme", "-3% at Acme", "@acme falls"])
def test_a_headline_is_no_formula_in_a_spreadsheet(title, file):
    sheet = as_csv(("title", "topic"), [{"title": title, "topic": "other"}])
    cell = sheet.splitlines()[1].strip('"')
    assert cell.startswith(" ")
    assert said(READER.read(file(sheet))) == [(title, "other", None)]


def test_a_task_to_do_carries_the_models_choices_as_its_pre_annotation():
    row = {"id": "h1", "title": "Acme falls", "topic": "", "source": "Wire", "url": "", "why": "model unsure"}
    made = predicted_task(row, {"topic": "earnings", "sentiment": "negative"}, "newsquall-1", 0.41)
    assert made["data"] == {"headline_id": "h1", "title": "Acme falls", "source": "Wire", "why": "model unsure"}
    (prediction,) = made["predictions"]
    assert (prediction["model_version"], prediction["score"]) == ("newsquall-1", 0.41)
    assert [(each["from_name"], each["to_name"], each["type"], each["value"]) for each in prediction["result"]] == [
        ("topic", "title", "choices", {"choices": ["earnings"]}),
        ("sentiment", "title", "choices", {"choices": ["negative"]}),
    ]
    assert len({each["id"] for each in prediction["result"]}) == 2


@pytest.fixture
def book(tmp_path):
    archive = Archive(f"sqlite:///{tmp_path / 'archive.db'}")
    yield LabelBook(archive.engine)
    archive.close()


def test_files_are_taken_as_one_so_that_their_order_does_not_matter(file, book):
    one = file("title,sentiment\nAcme falls,negative\nBolt,neutral\n", "one.csv")
    two = file("title,sentiment\nACME falls,positive\nBolt,neutral\n", "two.csv")
    intake = take_in(book, READER, [one, two])
    assert [[each.outcome for each in part] for part in intake.entered] == [
        ["conflict", "added"],
        ["conflict", "duplicate"],
    ]
    assert list(intake.refusals()) == [
        (f"{one}:2", f"the text has two labels: negative here, positive in {two}:2"),
        (f"{two}:2", f"the text has two labels: positive here, negative in {one}:2"),
    ]
    assert list(intake.summary()) == [f"{one}: 1 taken, 1 in conflict", f"{two}: 0 taken, 1 given twice, 1 in conflict"]
    assert intake.usable


def test_one_useless_file_among_others_is_told_and_the_others_are_taken(file, book):
    good, bad = file("title,sentiment\nAcme falls,negative\n", "good.csv"), file("", "empty.csv")
    intake = take_in(book, READER, [bad, good])
    assert intake.advice() == [f"{bad} is empty"]
    assert intake.told()["taken"] == 1
    with pytest.raises(InputError, match="is empty"):
        take_in(book, READER, [bad])


def test_strict_takes_nothing_where_a_row_is_refused(file, book):
    for content, told in (
        ("title,sentiment\nBolt,neutral\nAcme falls,bad\n", "mine.csv:3: unknown sentiment 'bad'"),
        ("title,sentiment\nAcme falls,negative\nBolt,neutral\nAcme falls,positive\n", "mine.csv:2: the text has two"),
    ):
        with pytest.raises(InputError, match="with --strict nothing was taken") as refused:
            take_in(book, READER, [file(content)], strict=True)
        assert told in str(refused.value)
        assert book.current() == []
    assert take_in(book, READER, [file("title,sentiment\nBolt,neutral\n")], strict=True).usable


def test_a_label_against_the_book_names_whose_it_is(file, book):
    take_in(book, READER, [file("title,topic,sentiment\nAcme falls,earnings,negative\n")])
    intake = take_in(book, READER, [file("title,topic,sentiment\nAcme falls,other,negative\n")])
    (refused, *_others) = intake.refusals()
    assert refused[1] == "the text has another label: other here, earnings by desk on 2026-03-04"
    assert not intake.usable


def test_unknown_topics_are_counted_with_what_to_do(file, book):
    intake = take_in(book, READER, [file("title,topic\na1,climate\na2,climate\na3,space\na4,other\n")])
    assert intake.advice() == [
        "topic 'climate' in 2 rows is none yet: correct it, or give --topic NAME to make it a new one",
        "topic 'space' in a row is none yet: correct it, or give --topic NAME to make it a new one",
    ]

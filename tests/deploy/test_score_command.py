"""`newsquall score`, `explain` and `evaluate` on the bundle that ships: rows in, JSON out, bad rows told."""

import json
from pathlib import Path
from typing import Any

import pytest

from deploy import cli
from deploy.commands import score as score_command
from deploy.commands.explain import bar
from stream.fingerprint import fingerprint, text_part

Captured = pytest.CaptureFixture[str]

BAD_ROWS = [
    ("not json", "not JSON"),
    ("[1]", "a row is a JSON object"),
    ('{"title": ""}', "title"),
    ('{"title": 7}', "title"),
    (json.dumps({"title": "x" * 1_000_000}), "title"),
    ('{"title": "a", "published_at": "1970-01-01T00:00:00Z"}', "too_old"),
    ('{"title": "a", "published_at": "2999-01-01T00:00:00Z"}', "in_the_future"),
    ('{"title": "📉📉📉"}', "no_words"),
    ('{"title": "\\u0001\\u001b"}', "no_words"),
    ('{"title": "a\\u0000b"}', "title"),
    ('{"title": "Gewinn bricht ein", "language": "de"}', "language"),
    ('{"title": "\\ud83d"}', "not UTF-8"),
]


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # no newsquall.toml of a developer's


def jsonl(*rows: str) -> str:
    Path("rows.jsonl").write_text("".join(row + "\n" for row in rows), encoding="utf-8")
    return "rows.jsonl"


def titled(*titles: str) -> str:
    return jsonl(*(json.dumps({"title": title}) for title in titles))


def ran(capsys: Captured, *arguments: str) -> tuple[int, list[dict[str, Any]], list[str]]:
    status = cli.run(arguments)
    captured = capsys.readouterr()
    return status, [json.loads(line) for line in captured.out.splitlines()], captured.err.splitlines()


def test_a_title_is_enough(capsys: Captured) -> None:
    status, (scored,), told = ran(capsys, "score", titled("Acme plunges after profit warning"))
    assert status == 0
    assert set(scored) == {
        "id", "title", "source", "url", "published_at", "scored_at", "topic", "topic_probability", "sentiment",
        "probabilities", "polarity", "entities", "entity_probabilities", "fingerprint", "model", "origin",
    }  # fmt: skip
    assert scored["title"] == "Acme plunges after profit warning"
    assert scored["id"]
    assert scored["published_at"][:13] == scored["scored_at"][:13]
    assert text_part(scored["fingerprint"]) == text_part(fingerprint(scored["title"]))
    assert sum(scored["probabilities"].values()) == pytest.approx(1, abs=3e-6)
    assert told == ["1 headline scored, 0 bad rows"]


def test_scores_come_in_the_files_order_whatever_the_chunk(capsys: Captured, monkeypatch: pytest.MonkeyPatch) -> None:
    titles = [f"{'Acme ' * (1 + at * 7 % 23)}reports {at} results" for at in range(50)]
    _, whole, _ = ran(capsys, "score", titled(*titles))
    assert [each["title"] for each in whole] == titles
    monkeypatch.setattr(score_command, "CHUNK", 7)
    _, parts, _ = ran(capsys, "score", titled(*titles))
    assert [each["title"] for each in parts] == titles
    for one, other in zip(whole, parts, strict=True):
        assert (one["topic"], one["sentiment"]) == (other["topic"], other["sentiment"])
        assert one["probabilities"] == pytest.approx(other["probabilities"], abs=1e-5)


def test_every_bad_row_is_told_and_counted_and_the_rest_goes_on(capsys: Captured) -> None:
    rows = [row for row, _ in BAD_ROWS]
    file = jsonl('{"title": "first"}', *rows, '{"title": "last"}')
    status, scored, told = ran(capsys, "score", file)
    assert status == 0
    assert [each["title"] for each in scored] == ["first", "last"]
    for line, (_, reason) in enumerate(BAD_ROWS, start=2):
        assert told[line - 2].startswith(f"rows.jsonl:{line}: {reason}")
    assert told[-1] == f"2 headlines scored, {len(BAD_ROWS)} bad rows"


@pytest.mark.parametrize(("row", "reason"), BAD_ROWS)
def test_strict_stops_at_the_first_bad_row_after_what_stood_before_it(row: str, reason: str, capsys: Captured) -> None:
    file = jsonl('{"title": "first"}', row, '{"title": "last"}', "worse")
    status, scored, told = ran(capsys, "score", "--strict", file)
    assert status == 1
    assert [each["title"] for each in scored] == ["first"]
    assert len(told) == 1
    assert told[0].startswith(f"newsquall: rows.jsonl:2: {reason}")


def test_csv_with_text_dates_and_languages(capsys: Captured) -> None:
    rows = 'text,date,source,language\n"Fed cuts rates, again",2024-01-02,Wire,en-GB\nCroissance,2024-01-02,Wire,fr\n'
    Path("rows.csv").write_text(rows)
    status, (scored,), told = ran(capsys, "score", "rows.csv")
    assert status == 0
    assert (scored["title"], scored["published_at"]) == ("Fed cuts rates, again", "2024-01-02T00:00:00Z")
    assert told[0].startswith("rows.csv:3: language: language 'fr' is not one that the model reads (en)")


def test_watched_companies_are_named(capsys: Captured) -> None:
    Path("watch.csv").write_text("name,aliases,ticker\nAcme Corp,Acme,ACM\n")
    Path("newsquall.toml").write_text('[trends]\nwatchlist = "watch.csv"\n')
    _, scored, _ = ran(capsys, "score", titled("Acme plunges after profit warning", "Fed cuts rates"))
    assert [each["entities"] for each in scored] == [{"Acme Corp": "negative"}, {}]
    (towards,) = scored[0]["entity_probabilities"].values()
    assert towards["negative"] == max(towards.values())


def test_an_empty_file_scores_nothing_and_a_headless_one_is_refused(capsys: Captured) -> None:
    Path("empty.jsonl").touch()
    Path("empty.csv").touch()
    assert ran(capsys, "score", "empty.jsonl") == (0, [], ["0 headlines scored, 0 bad rows"])
    status, _, told = ran(capsys, "score", "empty.csv")
    assert status == 1
    assert told == ["newsquall: empty.csv: a CSV needs a header with a column 'title' (or 'text'); found nothing"]


def test_a_damaged_model_is_refused_by_its_file(capsys: Captured) -> None:
    Path("model").mkdir()
    Path("model/bundle.json").write_text("{")
    status, _, told = ran(capsys, "score", "--model", "model", titled("a"))
    assert status == 1
    assert told[0].startswith("newsquall: model file model/bundle.json is damaged")


def test_explain_as_json_has_each_word_in_order(capsys: Captured) -> None:
    status, (told,), _ = ran(capsys, "explain", "--json", "Acme plunges after profit warning")
    assert status == 0
    assert [each["word"] for each in told["words"]] == ["Acme", "plunges", "after", "profit", "warning"]
    assert told["probabilities"][told["sentiment"]] == max(told["probabilities"].values())
    assert told["topics"][told["topic"]] == told["topic_probability"] == max(told["topics"].values())
    assert all(-1 <= each[head] <= 1 for each in told["words"] for head in ("sentiment", "topic"))


def test_explain_is_plain_where_nobody_watches_and_takes_markup_as_text(capsys: Captured) -> None:
    assert cli.run(["explain", "Acme", "[red]plunges[/red]"]) == 0
    out = capsys.readouterr().out
    assert "\x1b" not in out
    assert "Acme [red]plunges[/red]\n" in out
    assert "█" in out
    assert max(map(len, out.splitlines())) <= 110


def test_explain_refuses_what_cannot_be_scored(capsys: Captured) -> None:
    status, _, told = ran(capsys, "explain", "📉")
    assert (status, told) == (1, ["newsquall: the title has no letter and no digit"])


def test_a_bar_is_as_long_as_its_effect() -> None:
    assert (len(bar(1.0, 1.0)), len(bar(-0.5, 1.0)), bar(0.0, 0.0)) == (24, 12, "")


def labelled(name: str, *rows: str) -> str:
    Path(name).write_text("title,topic,sentiment\n" + "".join(row + "\n" for row in rows))
    return name


def test_evaluate_gives_the_json_that_scripts_rely_on(capsys: Captured) -> None:
    one = labelled("one.csv", "Acme plunges after profit warning,guidance_analyst,negative", "a,nonsense,negative")
    two = labelled("two.csv", "Fed cuts rates,Fed | Central Banks,positive")
    for arguments in (["--labels", one, two], ["--labels", one, "--labels", two]):
        status, (result,), told = ran(capsys, "evaluate", "--model", "bundled", *arguments, "--json")
        assert status == 0
        assert set(result) == {"sentiment", "topic"}
        for head in result.values():
            assert set(head) == {"n", "accuracy", "macro_f1", "per_class", "ece"}
            assert head["n"] == 2
        assert told == ["one.csv:3: unknown topic 'nonsense'", "2 rows compared, 1 bad row"]


def test_a_head_without_labels_is_absent_and_an_unreadable_text_is_told(capsys: Captured) -> None:
    file = labelled("s.csv", "Acme plunges,,negative", "铜价上涨的消息,,positive")
    status, (result,), told = ran(capsys, "evaluate", "--labels", file, "--json")
    assert status == 0
    assert set(result) == {"sentiment"}
    assert told == ["1 row compared, 0 bad rows, 1 that the model cannot read"]


def test_evaluate_for_a_person(capsys: Captured) -> None:
    assert cli.run(["evaluate", "--labels", labelled("a.csv", "Acme plunges,,negative")]) == 0
    out = capsys.readouterr().out
    assert out.startswith("sentiment: accuracy ")
    assert "negative" in out


def test_labels_without_a_usable_row_are_an_error(capsys: Captured) -> None:
    status, _, told = ran(capsys, "evaluate", "--labels", labelled("none.csv", "a,,"), "--json")
    assert status == 1
    assert told[-1] == "newsquall: no usable row in none.csv: it needs a column 'sentiment' or 'topic'"


def test_personal_data_is_masked_before_it_is_scored_explained_or_written(
    capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    private = "Acme profit plunges, mail jane@wire.example, says @kettlefan"
    _, (scored,), _ = ran(capsys, "score", titled(private))
    assert scored["title"] == "Acme profit plunges, mail [email], says @kettlefan"
    _, (told,), _ = ran(capsys, "explain", "--json", private)
    assert told["title"] == scored["title"]
    # `score` rounds the probabilities first, as the archive keeps them.
    assert told["polarity"] == pytest.approx(scored["polarity"], abs=2e-6)
    assert not any("jane" in each["word"] or "email" in each["word"] for each in told["words"])
    monkeypatch.setenv("NEWSQUALL_MASKING__HANDLES", "true")
    _, (scored,), _ = ran(capsys, "score", titled(private))
    assert scored["title"] == "Acme profit plunges, mail [email], says [handle]"

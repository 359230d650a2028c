"""Notes of pages and moves: what stands in them, and that whatever was there, the wanted ones stand afterwards."""

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from alerts.page import Links, Page
from deploy.dashboards.notes import Note, changes, of_moves, of_pages
from training.promotion import Move

NOW = datetime(2026, 7, 3, 2, 40, tzinfo=UTC)
LINKS = Links("http://prometheus", "http://alertmanager", "docs/oncall.md")
PAGE = Page(
    "0a1b", "firing", "NegativeNewsSquall", "entity/Johnson & Sons", "18 headlines about Johnson & Sons", NOW, LINKS,
    window="15m",
)  # fmt: skip


def test_a_page_is_a_stretch_from_its_firing_to_its_end_with_a_link_to_its_subject() -> None:
    (note,) = of_pages([PAGE], "https://grafana.example/g/")
    assert (note.key, note.at, note.until) == ("page:0a1b", 1783046400000, 1783046400000)
    assert note.all_tags == ["newsquall", "page", "page:0a1b"]
    assert "18 headlines about Johnson &amp; Sons" in note.text
    assert 'href="https://grafana.example/g/d/newsquall-subject?var-kind=entity&amp;var-name=Johnson%20%26' in note.text
    ended = msgspec.structs.replace(PAGE, resolved_at=NOW + timedelta(minutes=83))
    (over,) = of_pages([ended], "https://grafana.example")
    assert over.until - over.at == 83 * 60_000


def test_what_a_headline_smuggles_into_a_sentence_is_text() -> None:
    hostile = msgspec.structs.replace(PAGE, subject="alert/X", sentence='<img src=x onerror="alert(1)">')
    (note,) = of_pages([hostile], "https://grafana.example")
    assert note.text == "&lt;img src=x onerror=&quot;alert(1)&quot;&gt;"


def test_a_move_says_what_took_whose_place_and_why() -> None:
    first = Move(1, "promotion", 1, "newsquall-1", None, NOW, "rita")
    forced = Move(2, "promotion", 3, "newsquall-3", 1, NOW, "rita", "the other <b> is worse", True, ("x",))
    notes = of_moves([first, forced])
    assert [note.key for note in notes] == ["move:1", "move:2"]
    assert notes[0].text == "promotion: version 1 (newsquall-1), by rita"
    assert notes[1].text == (
        "promotion, forced past the gate: version 3 (newsquall-3) in place of version 1, by rita: "
        "the other &lt;b&gt; is worse"
    )


def note_of(key: int, until: int) -> Note:
    return Note(f"page:{key}", ("page",), 1_000, 1_000 + until, f"text {key}")


def there_of(number: int, note: Note) -> dict[str, Any]:
    return {"id": number, "time": note.at, "timeEnd": note.until, "text": note.text, "tags": note.all_tags}


notes = st.builds(note_of, st.integers(0, 5), st.integers(0, 2))


@given(st.lists(notes, unique_by=lambda note: note.key), st.lists(notes), st.randoms())
def test_whatever_is_there_the_wanted_stand_afterwards_once_each(wanted: list[Note], there: list[Note], chance) -> None:
    listed = [there_of(number, note) for number, note in enumerate(there)]
    chance.shuffle(listed)
    strange = {"id": 99, "time": 5, "timeEnd": 5, "text": "somebody's own", "tags": ["deploys"]}
    found = changes(wanted, [*listed, strange])
    after = {each["id"]: each for each in [*listed, strange] if each["id"] not in found.remove}
    after |= {number: there_of(number, note) for number, note in found.change.items()}
    after |= {200 + at: there_of(200 + at, note) for at, note in enumerate(found.add)}
    assert after[99] == strange
    for note in wanted:
        (stands,) = [each for each in after.values() if note.key in each["tags"]]
        assert {**stands, "id": 0} == there_of(0, note)
    again = changes(wanted, after.values())
    assert (again.add, again.change, again.remove, again.same) == ([], {}, [], len(wanted))
    # Those of pages that are not among the wanted ones, older ones say, stay.
    kept = {note.key for note in there} - {note.key for note in wanted}
    assert all(any(key in each["tags"] for each in after.values()) for key in kept)

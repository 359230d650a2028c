"""The review: one headline at a time, its topic and sentiment by a key each, and the label is in the book."""

from functools import cache
from pathlib import Path
from typing import cast

from markdown_it import MarkdownIt
from markupsafe import Markup
from starlette.responses import Response

from deploy.desk.desk import Desk
from deploy.desk.labelqueue import Step
from deploy.desk.visit import RefusedError, Visit
from model.errors import InputError
from model.taxonomy import DEFAULT_TOPICS, SENTIMENTS
from stream.records import Label, ScoredHeadline, Sentiment
from training.agreement import agreements
from training.labelbook import ENOUGH

# Left and right hand, away from those that save, skip and take back.
TOPIC_KEYS = "qwertyuiopasdfghj"
SENTIMENT_KEYS = "123"
GUIDE = Path(__file__).resolve().parents[2] / "docs" / "labelling.md"


def show(desk: Desk, visit: Visit) -> Response:
    """The next headline, or the one that the address names."""
    annotator, id_ = visit.who.name, visit.text("id", 256)
    queue = desk.queue
    item, is_making = queue.next(annotator)
    if id_:
        item = queue.find(id_)
    headline = item.headline if item else (_headline(desk, id_) if id_ else None)
    stands = desk.labels.find(headline.title, annotator) if headline else None
    labels = queue.labels
    mine = [label for label in labels if label.annotator == annotator]
    topics = desk.topics()
    return desk.page(
        visit,
        "review.html",
        item=item,
        headline=headline,
        stands=stands,
        topics=[(name, TOPIC_KEYS[at : at + 1], DEFAULT_TOPICS.get(name, "")) for at, name in enumerate(topics)],
        sentiments=list(zip(SENTIMENTS, SENTIMENT_KEYS, strict=True)),
        left=queue.left(annotator),
        making=is_making,
        trouble=queue.trouble,
        can_take_back=queue.can_take_back(annotator),
        mine=len(mine),
        today=sum(label.labelled_at.date() == visit.now.date() for label in mine),
        total=len({label.title for label in labels}),
        enough=ENOUGH,
        agreements=agreements(labels)[:8],
    )


def _headline(desk: Desk, id_: str) -> ScoredHeadline:
    found = desk.found(id_)
    if found is None:
        raise RefusedError(404, "There is no such headline in the archive.")
    return found


def label(desk: Desk, visit: Visit) -> Response:
    """Save a label, pass a headline over, or take the last step back."""
    annotator, action = visit.who.name, visit.choice("action", "save", "skip", "undo")
    if action == "undo":
        step = desk.queue.take_back(annotator)
        if step is None:
            return desk.go("/review")
        if step.given is not None:
            desk.note(visit, "took a label back", step.headline_id)
        return desk.go("/review?" + desk.view.query(id=step.headline_id))
    headline = _headline(desk, visit.text("id", 256))
    if action == "skip":
        desk.queue.done(annotator, Step(headline.id, None))
        return desk.go("/review")
    topic, sentiment = visit.text("topic", 64), visit.choice("sentiment", "", *SENTIMENTS)
    if topic and topic not in desk.topics():
        raise InputError(f"there is no topic '{topic}'")
    if not (topic or sentiment):
        raise InputError("choose a topic, a sentiment or both; or skip the headline")
    given = Label(
        headline_id=headline.id,
        title=headline.title,
        annotator=annotator,
        labelled_at=visit.now,
        source="review",
        topic=topic or None,
        sentiment=cast(Sentiment | None, sentiment or None),
    )
    before = desk.labels.find(headline.title, annotator)
    desk.note(visit, "labelled", f"{headline.id}: {topic or '-'}, {sentiment or '-'}")
    desk.labels.add([given], replace=True)
    desk.queue.done(annotator, Step(headline.id, given, before))
    return desk.go("/review")


@cache
def guide_html() -> Markup:
    """The labelling guide. Raises InputError where it is not installed."""
    try:
        text = GUIDE.read_text(encoding="utf-8")
    except OSError as error:
        raise InputError(f"the guide is not installed here: it is docs/{GUIDE.name} of the project") from error
    return Markup(MarkdownIt("commonmark", {"html": False}).enable("table").render(text))  # noqa: S704  (ours)


def guide(desk: Desk, visit: Visit) -> Response:
    """The labelling guide."""
    return desk.page(visit, "guide.html", guide=guide_html())

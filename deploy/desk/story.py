"""A story's page: all tellings of one event, in order; and the words that made a headline's score."""

from datetime import timedelta

from starlette.responses import Response

from alerts.evidence import Story
from deploy.desk.desk import Desk
from deploy.desk.visit import RefusedError, Visit
from model.errors import UnscorableText
from stream.archive import archive_errors
from stream.records import ScoredHeadline, minute_of
from stream.stories import group
from stream.subjects import entity_subject, topic_subject

# Tellings are looked for a day to both sides, on each among the nearest so many headlines of the same topic and of each
# company named.
NEAR = timedelta(days=1)
LOOKED_AT = 300


def headline_of(desk: Desk, visit: Visit) -> ScoredHeadline:
    """The headline that the address names. Raises RefusedError if there is none."""
    id_ = visit.text("id", 256)
    found = desk.found(id_)
    if found is None:
        raise RefusedError(404, "There is no such headline in the archive.")
    return found


def tellings(desk: Desk, headline: ScoredHeadline) -> list[ScoredHeadline]:
    """The headlines of its story, oldest first."""
    near: dict[str, ScoredHeadline] = {headline.id: headline}
    with archive_errors("the archive cannot be read"):
        for subject in [topic_subject(headline.topic), *map(entity_subject, list(headline.entities)[:3])]:
            near |= {each.id: each for each in desk.archive.near(subject, headline.published_at, NEAR, LOOKED_AT)}
    ordered = sorted(near.values(), key=lambda each: (each.published_at, each.id))
    stories = group((each, each.fingerprint, minute_of(each.published_at)) for each in ordered)
    return next(story for story in stories if any(each.id == headline.id for each in story))


def show(desk: Desk, visit: Visit) -> Response:
    """The story of a headline."""
    headline = headline_of(desk, visit)
    told = Story(tellings(desk, headline))
    return desk.page(visit, "story.html", story=told, asked=headline)


def words(desk: Desk, visit: Visit) -> Response:
    """Which words made a headline's score."""
    headline = headline_of(desk, visit)
    try:
        told = desk.explainer.explain(headline.title, visit.now)
    except UnscorableText as error:
        raise RefusedError(400, f"The model in use cannot read this headline: {error}.") from error
    effects = told.explanation.words
    largest = max((abs(each.sentiment) for each in effects), default=0.0) or 1.0
    return desk.page(visit, "words.html", headline=headline, told=told, effects=effects, largest=largest)

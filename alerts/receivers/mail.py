"""A page by e-mail: as text and as HTML, with the chart in it, all messages of one page in one thread."""

from collections.abc import Iterator, Sequence
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from html import escape

from alerts.page import Page
from alerts.receivers.digest import Digest, clean, digest

SUBJECT = 150  # characters


def mail_message(
    page: Page, step: str, sender: str, recipients: Sequence[str], chart: bytes | None = None
) -> EmailMessage:
    """A page's message. `step`: which of the page's deliveries it is; each attempt at it has the same Message-ID.
    `chart`: a PNG."""
    found = digest(page)
    domain = sender.rpartition("@")[2]
    message = EmailMessage(policy=SMTP)
    message["Subject"] = clean(found.heading, SUBJECT)
    message["From"] = f"Newsquall <{sender}>"
    message["To"] = ", ".join(recipients)
    message["Date"] = format_datetime(page.resolved_at or page.fired_at)
    message["Message-ID"] = f"<{page.id}-{step}@{domain}>"
    if step != "firing":
        first = f"<{page.id}-firing@{domain}>"
        message["In-Reply-To"] = first
        message["References"] = first
    # An absent colleague's machine shall not answer (RFC 3834).
    message["Auto-Submitted"] = "auto-generated"
    message.set_content("\n".join(_text(found)) + "\n", cte="quoted-printable")
    picture = f"{page.id}.chart@{domain}" if chart else None
    message.add_alternative("".join(_html(found, picture)), subtype="html", cte="quoted-printable")
    if chart:
        html = message.get_body(("html",))
        assert isinstance(html, EmailMessage)
        html.add_related(chart, "image", "png", cid=f"<{picture}>", filename="chart.png")
    return message


def _text(found: Digest) -> Iterator[str]:
    yield found.heading
    yield from found.lines
    yield ""
    for story in found.stories:
        yield f"{story.at}  {story.title}"
        yield f"       {story.told}"
        if story.url:
            yield f"       {story.url}"
    if found.more:
        yield f"       {found.more}"
    yield ""
    yield from found.facts
    for link in found.links:
        yield f"{link.label}: {link.url}"


def _html(found: Digest, picture: str | None) -> Iterator[str]:
    yield '<!doctype html><html><body style="font-family:sans-serif;max-width:50em">'
    yield f'<p style="font-size:1.2em"><b>{escape(found.heading)}</b></p>'
    if found.lines:
        yield f"<p>{'<br>'.join(map(escape, found.lines))}</p>"
    if picture:
        yield f'<p><img src="cid:{picture}" alt="negative headlines over time" style="max-width:100%"></p>'
    for story in found.stories:
        title = escape(story.title)
        linked = f'<a href="{escape(story.url)}">{title}</a>' if story.url else title
        yield f'<p>{story.at} <bdi>{linked}</bdi><br><span style="color:#666">{escape(story.told)}</span></p>'
    if found.more:
        yield f"<p>{escape(found.more)}</p>"
    yield f'<p style="color:#666">{"<br>".join(map(escape, found.facts))}</p>'
    if found.links:
        links = (f'<a href="{escape(link.url)}">{escape(link.label)}</a>' for link in found.links)
        yield f"<p>{' &middot; '.join(links)}</p>"
    yield "</body></html>"

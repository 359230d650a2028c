"""What would run in a page."""

from html.parser import HTMLParser

_LINKS = ("href", "src", "action", "formaction", "xlink:href")


class _Inspector(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        given = dict(attributes)
        if tag in ("img", "iframe", "object", "embed", "base", "style") or "http-equiv" in given:
            self.found.append(tag)
        if tag == "script" and given.get("src") != "/static/desk.js":
            self.found.append("script")
        for name, value in attributes:
            link = name in _LINKS and (value or "").strip().lower()
            if name.startswith("on") or name == "style" or (link and link.startswith(("javascript:", "data:", "//"))):
                self.found.append(f"{tag} {name}={value}")


def runs(page: str) -> list[str]:
    """What of a page would run, load something or lead away, and is not the desk's own.

    >>> runs('<p title="&lt;script&gt;">x</p><script src="/static/desk.js"></script>')
    []
    >>> runs("<svg onload=alert(1)>")
    ['svg onload=alert(1)']
    """
    inspector = _Inspector()
    inspector.feed(page)
    return inspector.found

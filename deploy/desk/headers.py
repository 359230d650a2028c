"""What every answer carries: a policy by which a browser runs nothing and asks nobody but the desk."""

from collections.abc import Collection

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
_ALWAYS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "X-Robots-Tag": "noindex",
    # What is shown is somebody's: a shared cache keeps none of it.
    "Cache-Control": "no-store",
}


class SafeHeaders:
    """Adds the headers, and turns away who asks for another host.

    `hosts`: names under which the desk answers; None for any. A desk without login that answered to any name could be
    read by a web page whose name was made to mean this machine (DNS rebinding).
    """

    def __init__(self, app: ASGIApp, hosts: Collection[str] | None, secure: bool) -> None:
        self._app = app
        self._hosts = hosts
        self._more = {"Strict-Transport-Security": "max-age=31536000"} if secure else {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                if scope["path"].startswith("/static/"):  # nobody's; asked anew whether it has changed
                    headers.setdefault("Cache-Control", "no-cache")
                for name, value in (_ALWAYS | self._more).items():
                    headers.setdefault(name, value)
            await send(message)

        host = Headers(scope=scope).get("host", "")
        if self._hosts is not None and _name(host) not in self._hosts:
            refused = PlainTextResponse(f"There is no desk at '{host[:100]}'.\n", status_code=421)
            await refused(scope, receive, send_with_headers)
            return
        await self._app(scope, receive, send_with_headers)


def _name(host: str) -> str:
    """A Host header without its port.

    >>> _name("[::1]:9111"), _name("LocalHost:9111"), _name("desk.example")
    ('::1', 'localhost', 'desk.example')
    """
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0].lower()

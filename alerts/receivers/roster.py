"""Who gets pages by the settings, each with its service's format."""

import sys
from collections.abc import Callable, Iterator
from datetime import datetime

import msgspec
from pydantic import SecretStr
from rich.console import Console

from alerts.delivery import Receiver, Terminal
from alerts.pagebook import Delivery
from alerts.receivers.dingtalk import dingtalk_address, dingtalk_message
from alerts.receivers.feishu import feishu_message, feishu_signed
from alerts.receivers.mailing import Mail, Picture, no_picture
from alerts.receivers.pagerduty import pagerduty_event
from alerts.receivers.posting import Hook, Post, Refusal, Writer, refusal_by, taken
from alerts.receivers.signature import HEADER, signature
from alerts.receivers.slack import slack_message
from alerts.receivers.teams import teams_message
from alerts.receivers.wecom import wecom_message
from alerts.rendering import WIDTH
from stream.clock import utc_now
from stream.settings import RelaySettings, RobotSettings, Settings

Clock = Callable[[], datetime]

# What these services answer with status 200 about a message that another one need not share: too long, not readable.
_DINGTALK = refusal_by("errcode", "errmsg", {40035})
_FEISHU = refusal_by("code", "msg", {9499})
_WECOM = refusal_by("errcode", "errmsg", {40058, 44004, 45002})


def receivers_of(
    settings: Settings, console: Console | None = None, clock: Clock = utc_now, picture: Picture = no_picture
) -> list[Receiver]:
    """Everybody whom the settings name, each once. `console`: where the terminal's pages are printed; standard output
    by default. `picture`: a page's chart, for those that can show it."""
    receivers: list[Receiver] = list({hook.name: hook for hook in _hooks(settings.relay, clock)}.values())
    if settings.mail.host:
        receivers.append(Mail(settings.mail, settings.relay.timeout, picture))
    if settings.relay.terminal:
        # What is no terminal, a log say, has no width of its own.
        receivers.append(Terminal(console or Console(width=None if sys.stdout.isatty() else WIDTH)))
    return receivers


def _hooks(relay: RelaySettings, clock: Clock) -> Iterator[Hook]:
    def hook(kind: str, identity: str, write: Writer, refusal: Refusal = taken) -> Hook:
        return Hook(kind, identity, write, relay.timeout, clock, refusal)

    secrets = [secret.get_secret_value() for secret in relay.webhook_secrets]
    for url in relay.webhooks:
        yield hook("webhook", url, _webhook(url, secrets))
    for url in relay.slack:
        yield hook("slack", url, _slack(url))
    for url in relay.teams:
        yield hook("teams", url, _teams(url))
    for key in relay.pagerduty:
        yield hook("pagerduty", key.get_secret_value(), _pagerduty(relay.pagerduty_url, key))
    for robot in relay.dingtalk:
        yield hook("dingtalk", robot.url, _dingtalk(robot), _DINGTALK)
    for robot in relay.feishu:
        yield hook("feishu", robot.url, _feishu(robot), _FEISHU)
    for url in relay.wecom:
        yield hook("wecom", url, _wecom(url), _WECOM)


def _webhook(url: str, secrets: list[str]) -> Writer:
    def write(delivery: Delivery, now: datetime) -> Post:
        body = msgspec.json.encode(delivery.page)
        return Post(url, body, {HEADER: signature(body, secrets, now)} if secrets else {})

    return write


def _slack(url: str) -> Writer:
    return lambda delivery, _now: Post(url, msgspec.json.encode(slack_message(delivery.page)))


def _teams(url: str) -> Writer:
    return lambda delivery, _now: Post(url, msgspec.json.encode(teams_message(delivery.page)))


def _pagerduty(url: str, key: SecretStr) -> Writer:
    return lambda delivery, _now: Post(url, msgspec.json.encode(pagerduty_event(delivery.page, key.get_secret_value())))


def _dingtalk(robot: RobotSettings) -> Writer:
    def write(delivery: Delivery, now: datetime) -> Post:
        body = msgspec.json.encode(dingtalk_message(delivery.page))
        return Post(dingtalk_address(robot.url, _secret(robot), now), body)

    return write


def _feishu(robot: RobotSettings) -> Writer:
    def write(delivery: Delivery, now: datetime) -> Post:
        return Post(robot.url, msgspec.json.encode(feishu_signed(feishu_message(delivery.page), _secret(robot), now)))

    return write


def _wecom(url: str) -> Writer:
    return lambda delivery, _now: Post(url, msgspec.json.encode(wecom_message(delivery.page)))


def _secret(robot: RobotSettings) -> str | None:
    return robot.secret.get_secret_value() if robot.secret else None

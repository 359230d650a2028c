"""Every setting, in one place: newsquall.toml, and over it environment variables NEWSQUALL_SECTION__NAME.

Nothing else in the project reads the environment or the settings file.
"""

import os
import re
import tomllib
from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from model.errors import SettingsError
from model.providers import ProviderChoice
from model.registry import RegistryPlace
from stream.budget import Budget
from stream.duration import Duration, format_duration
from stream.subjects import ALL

SETTINGS_FILE = "newsquall.toml"

# An address as it stands in an envelope: no name beside it, and nothing that could begin another header.
_MAILBOX = r"^[^@\s<>,;]+@[^@\s<>,;]+$"


class Section(BaseModel):
    """A part of the settings; an unknown name in it is an error, not a silent nothing."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class KafkaSettings(Section):
    """The broker and how topics are laid out there."""

    bootstrap: str = Field("127.0.0.1:9092", description="host:port of one or more brokers, separated by commas")
    partitions: int = Field(4, ge=1, le=512, description="partitions of every topic: the most workers that can share")
    replication: int = Field(1, ge=1, le=9, description="copies of every topic; 3 where there are three brokers")
    group: str = Field("newsquall", description="consumer group, and prefix of the tables' changelogs")


class ArchiveSettings(Section):
    """Where scored headlines are kept."""

    url: str = Field("sqlite:///newsquall.db", description="SQLAlchemy URL; postgresql+psycopg://... for PostgreSQL")


class ScorerSettings(Section):
    """The model and where it runs."""

    model: str = Field(
        "bundled", description="'bundled', a bundle's folder, or of the registry: champion, a version's number"
    )
    provider: ProviderChoice = Field("auto", description="auto, cpu, cuda or tensorrt; by name refuses any other")
    threads: int | None = Field(None, ge=1, description="CPU threads; all that the process may use if not given")


class RegistrySettings(Section):
    """Where promoted models are kept, and training runs with them."""

    uri: str = Field(
        "sqlite:///newsquall-models.db",
        description="MLflow's store: a SQLite file, PostgreSQL by SQLAlchemy URL, or a server's http(s) URL",
    )
    artifacts: str = Field(
        "var/models", description="folder or URI for the models' files, kept for ever; a server keeps them itself"
    )
    name: str = Field("newsquall", pattern=r"^[\w. -]+$", description="the registered model's name")
    cache: Path = Field(Path("var/model-cache"), description="folder for this machine's copies of promoted models")
    poll: Duration = Field(timedelta(seconds=10), description="how often a worker looks whether the champion changed")

    @field_validator("uri")
    @classmethod
    def _names_a_store(cls, uri: str) -> str:
        if not re.match(r"sqlite:///.|https?://.|(postgresql|mysql|mssql)(\+\w+)?://.", uri):
            raise ValueError("write sqlite:///FILE, postgresql+psycopg://HOST/DATABASE, or a server's http(s)://HOST")
        return uri

    def place(self) -> RegistryPlace:
        """What the registry needs to know of these settings."""
        return RegistryPlace(self.uri, self.artifacts, self.name, self.cache)


class MaskingSettings(Section):
    """What is masked beside the personal data that always is."""

    handles: bool = Field(False, description="mask names of accounts in networks and messengers (@name) too")


class FeedSettings(Section):
    """News feeds, which `newsquall ingest` follows."""

    file: Path | None = Field(None, description="list of feeds, TOML or OPML; the one that ships if not given")
    state: Path = Field(Path("var/feeds.db"), description="SQLite file with what was seen and sent")
    every: Duration = Field(
        timedelta(minutes=1),
        ge=timedelta(seconds=1),
        description="how often a feed is fetched, unless the list says otherwise of it",
    )
    contact: str | None = Field(
        None,
        pattern=r"^[\x20-\x7e]{0,200}$",
        description="e-mail or web address told to servers; some (the SEC's) refuse who tells none",
    )
    allow: tuple[str, ...] = Field(
        (), description="hosts whose feeds may be fetched though their addresses are not public"
    )
    proxy: str | None = Field(
        None,
        pattern=r"^https?://.",
        description="http:// address of a proxy for all fetches; which addresses may be had is then its decision",
    )
    metrics_host: str = Field("127.0.0.1", description="address on which ingest serves /metrics")
    metrics_port: int = Field(9110, ge=0, le=65535, description="port of it; 0 takes a free one and prints it")
    fetches: int = Field(16, ge=1, le=256, description="most fetches at once; each may hold body_bytes of memory")
    host_pause: Duration = Field(
        timedelta(seconds=1), description="least time between two requests to one host, which are never at once"
    )
    timeout: Duration = Field(
        timedelta(seconds=30), gt=timedelta(0), description="how long a fetch may take with all its redirects"
    )
    redirects: int = Field(5, ge=0, le=20, description="most redirects that are followed in one fetch")
    body_bytes: int = Field(
        10_000_000, ge=10_000, le=100_000_000, description="most of a document that is read, unpacked; the rest is cut"
    )
    items: int = Field(1_000, ge=1, le=10_000, description="most items that are read of one document, from its top")
    oldest: Duration = Field(timedelta(days=7), description="what is older when it is first seen is no news")
    silent_after: Duration = Field(
        timedelta(days=7), description="without a headline for so long a source is called silent"
    )


class WorkerSettings(Section):
    """One stream worker."""

    metrics_host: str = Field("127.0.0.1", description="address on which /metrics is served")
    metrics_port: int = Field(9108, ge=0, le=65535, description="port of /metrics; 0 takes a free one and prints it")
    batch: int = Field(
        2048,
        ge=1,
        le=4096,
        description="most headlines in one micro-batch: of more, those of a length go together and less is padded",
    )
    linger: Duration = Field(timedelta(milliseconds=50), description="how long a batch that is not full waits")
    data: Path = Field(Path("var/worker"), description="folder for the worker's own files")


class TrendSettings(Section):
    """How subjects are counted and judged."""

    windows: tuple[Duration, ...] = Field(
        (
            timedelta(minutes=5),
            timedelta(minutes=15),
            timedelta(hours=1),
            timedelta(hours=6),
            timedelta(days=1),
        ),
        min_length=1,
        description="sliding windows; a busy subject shows a squall in minutes, a sparse one only over hours",
    )
    history: Duration = Field(timedelta(days=28), description="how much history a baseline is learnt from")
    retention: Duration = Field(
        timedelta(days=35),
        description="how late a headline may come and still be counted in its minute; older days are closed, and kept "
        "only as totals",
    )
    shortest_history: Duration = Field(
        timedelta(days=3),
        description="below this a subject is not judged: no page from ignorance; "
        "below a week a squall must be a clear one",
    )
    held_back: Duration = Field(
        timedelta(hours=1),
        description="the newest history, which a baseline does not learn yet: it may be a squall",
    )
    zone: str = Field(
        "UTC",
        description="IANA name of the place by whose clocks a day and a week go, such as Europe/London; what is usual "
        "at nine stays there when they are changed",
    )
    refit: Duration = Field(timedelta(minutes=5), description="how often baselines are learnt anew")
    future_tolerance: Duration = Field(
        timedelta(minutes=5),
        description="how far a headline's date may lie in the future before it is rejected",
    )
    watchlist: Path | None = Field(
        None,
        description="CSV of watched companies: name, aliases, ticker, context (several with ;), lei; read anew when it "
        "is written",
    )
    most_entities: int = Field(
        1_000, ge=1, description="companies that a watchlist may hold: each costs about 35 series in Prometheus"
    )

    @field_validator("windows")
    @classmethod
    def _whole_minutes(cls, windows: tuple[timedelta, ...]) -> tuple[timedelta, ...]:
        for window in windows:
            if window < timedelta(minutes=1) or window % timedelta(minutes=1):
                raise ValueError(f"a window is whole minutes, not {format_duration(window)}")
        return windows

    @field_validator("zone")
    @classmethod
    def _is_a_zone(cls, zone: str) -> str:
        try:
            ZoneInfo(zone)
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise ValueError(f"there is no time zone '{zone}': write UTC or a name such as America/New_York") from error
        return zone

    @property
    def clocks(self) -> ZoneInfo:
        """The zone's clocks."""
        return ZoneInfo(self.zone)

    @model_validator(mode="after")
    def _keeps_what_it_learns_from(self) -> Self:
        # A day is closed as a whole.
        needed = max(self.history, *self.windows) + timedelta(days=1)
        if self.retention < needed:
            raise ValueError(
                f"retention {format_duration(self.retention)} is shorter than the longest window or the history and a "
                f"day ({format_duration(needed)}): what a baseline learns from would be dropped"
            )
        return self

    @model_validator(mode="after")
    def _judges_at_last(self) -> Self:
        # A baseline stands on whole hours of the history without its newest part; one hour may be cut at each end.
        longest = self.history - self.held_back - timedelta(hours=2)
        if self.shortest_history > longest:
            raise ValueError(
                f"shortest_history {format_duration(self.shortest_history)} is never reached and nobody ever paged: "
                "history must be longer than it and held_back together by two hours"
            )
        return self


class AlertSettings(Section):
    """When to page."""

    budget: float = Field(
        3.0,
        gt=0,
        description="pages a month that ordinary times may cause, by all subjects together; what each has to pass "
        "comes from it and from the subject's own past",
    )
    critical_budget: float | None = Field(
        None,
        gt=0,
        description="... and how many of these may become critical; a twelfth of alerts.budget if not given",
    )
    surprise: float | None = Field(
        None, gt=0, description="page every subject from this surprise on, in place of what alerts.budget comes to"
    )
    critical_surprise: float | None = Field(
        None, gt=0, description="... and call it critical from this one on, in place of what critical_budget comes to"
    )
    refractory: Duration = Field(
        timedelta(hours=12),
        description="so long after a squall another one of its subject must be ten times rarer than that was",
    )
    stories: int = Field(5, ge=1, description="... and this many distinct stories in that window")
    stories_all: int = Field(
        20, ge=1, description="... but this many for all topics together, which page for what is broad"
    )
    sources: int = Field(3, ge=1, description="... and this many distinct sources in that window")
    calm_window: Duration = Field(
        timedelta(minutes=15),
        description="one of trends.windows; a squall is over when it holds no more negatives than usual",
    )
    keep_firing_for: Duration = Field(timedelta(minutes=10), description="calm for this long before it is resolved")
    growth: float = Field(2.0, gt=1, description="an open page is told again at so many times the count told last")
    evaluation: Duration = Field(timedelta(seconds=15), description="how often Prometheus evaluates the rules")
    group_wait: Duration = Field(timedelta(seconds=10), description="how long Alertmanager gathers before it sends")
    group_interval: Duration = Field(timedelta(seconds=30), description="... before it sends news of a known group")
    repeat_interval: Duration = Field(timedelta(hours=12), description="... before it reminds of what still fires")
    watchdog: str | None = Field(
        None,
        pattern=r"^https?://.",
        description="URL that Alertmanager posts to each minute; whoever serves it raises the alarm when that ends",
    )
    backup: str | None = Field(
        None,
        pattern=r"^https?://.",
        description="URL to which Alertmanager itself posts that the relay is down or its pages are stuck",
    )
    runbooks: str = Field(
        "docs/oncall.md",
        description="where the runbooks are, as it stands before #anchor in a page: a path or a URL",
    )

    @model_validator(mode="after")
    def _critical_is_rarer(self) -> Self:
        if self.critical_budget and self.critical_budget > self.budget:
            raise ValueError(
                f"critical_budget {self.critical_budget:g} is more than budget {self.budget:g}: what is critical is a "
                "page too"
            )
        if self.surprise and self.critical_surprise and self.critical_surprise < self.surprise:
            raise ValueError(
                f"critical_surprise {self.critical_surprise:g} is less than surprise {self.surprise:g}: what is "
                "critical is a page too"
            )
        return self

    @property
    def pages(self) -> Budget:
        """The budget of all subjects together."""
        share = self.critical_budget / self.budget if self.critical_budget else Budget.critical_share
        return Budget(self.budget, share, self.surprise, self.critical_surprise)

    def stories_of(self, subject: str) -> int:
        """The distinct stories that a subject's window must hold."""
        return self.stories_all if subject == ALL else self.stories


Secret = Annotated[SecretStr, Field(min_length=16)]


class RobotSettings(Section):
    """A chat group's robot. `secret`: with which it checks signatures, if it does."""

    url: str
    secret: SecretStr | None = None


class RelaySettings(Section):
    """From Alertmanager to the on-call team."""

    host: str = Field("127.0.0.1", description="address on which Alertmanager's webhook is received")
    port: int = Field(9109, ge=0, le=65535, description="port; 0 takes a free one and prints it")
    webhooks: tuple[str, ...] = Field((), description="URLs to which pages are posted as JSON")
    webhook_secrets: tuple[Secret, ...] = Field(
        (), description="each signs what is posted to webhooks; two while one replaces the other"
    )
    slack: tuple[str, ...] = Field((), description="URLs of Slack's incoming webhooks")
    teams: tuple[str, ...] = Field((), description="URLs of Microsoft Teams workflows that post a webhook's card")
    pagerduty: tuple[SecretStr, ...] = Field((), description="routing keys of PagerDuty's Events API v2 integrations")
    pagerduty_url: str = Field(
        "https://events.pagerduty.com/v2/enqueue",
        description="its address; Europe's is events.eu.pagerduty.com",
    )
    dingtalk: tuple[RobotSettings, ...] = Field(
        (), description="DingTalk robots: url, and secret if it checks signatures"
    )
    feishu: tuple[RobotSettings, ...] = Field((), description="Feishu or Lark robots: url, and secret as above")
    wecom: tuple[str, ...] = Field((), description="URLs of WeCom group robots")
    terminal: bool = Field(True, description="print pages on standard output too")
    prometheus: str = Field("http://127.0.0.1:9090", description="Prometheus as a person reaches it, for links")
    alertmanager: str = Field("http://127.0.0.1:9093", description="Alertmanager as a person reaches it, for links")
    public_url: str | None = Field(
        None,
        pattern=r"^https?://.",
        description="the relay as people reach it, for verdicts and charts; none without it",
    )
    link_secrets: tuple[Secret, ...] = Field(
        (), description="the first signs links for verdicts and charts; the others are still believed"
    )
    watch: Duration = Field(timedelta(minutes=1), description="how often open pages are looked at for growth; 0s never")
    links_last: Duration = Field(timedelta(days=14), description="how long such a link is good for")
    timeout: Duration = Field(timedelta(seconds=10), description="how long a receiver may take to answer")

    @model_validator(mode="after")
    def _can_sign(self) -> Self:
        if self.public_url and not self.link_secrets:
            raise ValueError("public_url is given and link_secrets is empty: name a secret of 16 characters or more")
        return self


class MailSettings(Section):
    """Pages by e-mail."""

    host: str | None = Field(None, description="SMTP server; no mail is sent if not given")
    port: int = Field(587, ge=1, le=65535, description="its port")
    security: Literal["starttls", "tls", "none"] = Field(
        "starttls", description="starttls (port 587), tls from the first byte (465), or none: a relay on this machine"
    )
    username: str | None = Field(None, description="name to log in with, if the server asks for one")
    password: SecretStr | None = Field(None, description="its password")
    sender: str = Field("newsquall@localhost", pattern=_MAILBOX, description="address from which pages come")
    recipients: tuple[Annotated[str, Field(pattern=_MAILBOX)], ...] = Field(
        (), description="addresses to which every page goes, all in one message"
    )

    @model_validator(mode="after")
    def _goes_to_somebody(self) -> Self:
        if self.host and not self.recipients:
            raise ValueError("mail.host is given and mail.recipients is empty: name who gets the pages")
        return self


class GrafanaSettings(Section):
    """The dashboards, and the Grafana that they go to."""

    url: str | None = Field(
        None,
        pattern=r"^https?://.",
        description="Grafana as people reach it: where dashboards are pushed to and pages link to; none without it",
    )
    token: SecretStr | None = Field(
        None, description="token of a service account there; give it in the environment, not in a file"
    )
    folder: str = Field("Newsquall", min_length=1, description="title of the folder that the dashboards go into")
    prometheus: str | None = Field(
        None,
        pattern=r"^https?://.",
        description="Prometheus as Grafana's server reaches it; relay.prometheus if not given",
    )
    archive: SecretStr | None = Field(
        None,
        description="the archive's PostgreSQL as Grafana's server reaches it, with a user that may only read; "
        "archive.url if not given",
    )
    prometheus_source: str | None = Field(
        None, description="uid of a data source for it that Grafana has already; one is made if not given"
    )
    archive_source: str | None = Field(
        None, description="uid of a data source for the archive that Grafana has already, as above"
    )
    timeout: Duration = Field(timedelta(seconds=10), gt=timedelta(0), description="how long Grafana may take to answer")


class DeskSettings(Section):
    """The web server that people look at."""

    host: str = Field(
        "127.0.0.1", description="address on which the desk is served; beyond this machine only with login"
    )
    port: int = Field(9111, ge=0, le=65535, description="port; 0 takes a free one and prints it")
    public_url: str | None = Field(
        None,
        pattern=r"^https?://.",
        description="the desk as people reach it; by https its cookies are for https alone",
    )
    passwords: Path | None = Field(
        None, description="file of who may log in, written by `newsquall desk --add NAME`; no login if not given"
    )
    session: Duration = Field(
        timedelta(hours=12), ge=timedelta(minutes=1), description="how long a login is good for; a restart ends all"
    )
    proxy_header: str | None = Field(
        None, pattern=r"^[A-Za-z0-9-]+$", description="header in which a proxy that has people log in names who comes"
    )
    trusted_proxies: tuple[str, ...] = Field(
        ("127.0.0.1", "::1"), description="addresses of proxies whose headers are believed"
    )
    proxy_analysts: tuple[str, ...] = Field((), description="names, as the proxy gives them, of analysts")
    proxy_operators: tuple[str, ...] = Field((), description="... and of operators; all others are viewers")
    runs: Path = Field(Path("var/desk"), description="folder for what is trained at the desk, and its logs")
    second_opinions: float = Field(
        0.2,
        ge=0,
        le=1,
        description="share of the headlines to label that two annotators are shown, to see if they agree",
    )


class Settings(BaseSettings):
    """All settings. `Settings()` alone gives the defaults with the environment over them."""

    model_config = SettingsConfigDict(
        env_prefix="NEWSQUALL_",
        env_nested_delimiter="__",
        extra="forbid",
        frozen=True,
        nested_model_default_partial_update=True,
    )

    kafka: KafkaSettings = KafkaSettings()
    archive: ArchiveSettings = ArchiveSettings()
    scorer: ScorerSettings = ScorerSettings()
    registry: RegistrySettings = RegistrySettings()
    masking: MaskingSettings = MaskingSettings()
    feeds: FeedSettings = FeedSettings()
    worker: WorkerSettings = WorkerSettings()
    trends: TrendSettings = TrendSettings()
    alerts: AlertSettings = AlertSettings()
    relay: RelaySettings = RelaySettings()
    mail: MailSettings = MailSettings()
    grafana: GrafanaSettings = GrafanaSettings()
    desk: DeskSettings = DeskSettings()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003  (pydantic's signature)
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The environment, over what is given in code, which is where load_settings puts the file."""
        return env_settings, init_settings


def load_settings(file: Path | None = None) -> Settings:
    """Settings from a TOML file (newsquall.toml of the working folder, if there is one) and the environment.

    Raises SettingsError: one line for the first thing that is wrong, with the place where it stands.
    """
    path = file or Path(SETTINGS_FILE)
    given: dict[str, Any] = {}
    if file or path.exists():
        try:
            given = tomllib.loads(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise SettingsError(f"settings file {path} cannot be read: {error.strerror}") from error
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise SettingsError(f"settings file {path} is not TOML: {error}") from error
    _refuse_unknown_sections(os.environ)
    try:
        settings = Settings(**given)
    except (ValidationError, ValueError) as error:
        raise SettingsError(_first_problem(error, path)) from error
    if settings.alerts.calm_window not in settings.trends.windows:
        names = ", ".join(map(format_duration, settings.trends.windows))
        raise SettingsError(
            f"alerts.calm_window {format_duration(settings.alerts.calm_window)} is not one of trends.windows ({names})"
        )
    return settings


def environment_names() -> list[str]:
    """The variables of the environment that stand over a settings file."""
    return sorted(name for name in os.environ if name.upper().startswith("NEWSQUALL_"))


def _refuse_unknown_sections(environment: Iterable[str]) -> None:
    """Names in a known section are checked with the rest; a variable of an unknown one would be passed over."""
    for name in environment:
        section = re.match(r"NEWSQUALL_(\w+?)__", name, re.IGNORECASE)
        if section and section[1].lower() not in Settings.model_fields:
            known = ", ".join(Settings.model_fields)
            raise SettingsError(f"environment variable {name} names no section of the settings: they are {known}")


def _first_problem(error: Exception, path: Path) -> str:
    if not isinstance(error, ValidationError):
        return f"settings cannot be read: {error}"
    first = error.errors()[0]
    place = ".".join(str(part) for part in first["loc"])
    return f"setting {place} does not hold ({path} or NEWSQUALL_{place.replace('.', '__').upper()}): {first['msg']}"

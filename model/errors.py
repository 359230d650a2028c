"""Newsquall's errors, all of them below one root. A message is one line: what went wrong and what to do.

NewsquallError
├── UsageError              the call was wrong (exit status 2)
├── SettingsError           newsquall.toml or an environment variable does not hold
├── BundleError             a model on disk is missing, damaged or of another format
├── ProviderError           the execution provider that was asked for cannot be used
├── ScoringError            the model could not score a batch
├── UnscorableText          one text that cannot be scored soundly; carries a reason
├── InputError              a file or a row that cannot be read
├── RegistryError           the model registry cannot be reached, or refuses
├── PromotionError          the gate refuses a model
├── FeedError               a feed could not be fetched or read; carries a reason
├── FeedStateError          what is known of the feeds cannot be opened or written
├── BrokerError             Kafka cannot be reached, or refuses
├── ArchiveError            the archive cannot be opened or written
│   └── ArchiveAwayError    its database does not answer now, and may later
├── ServerError             a server of the local stack did not start, or died
├── RulesError              the Prometheus rules do not hold
├── GrafanaError            Grafana cannot be reached, or refuses
└── ExportError             an exported model's numbers leave the trained one's
"""

from datetime import timedelta


class NewsquallError(Exception):
    """Root of every error that Newsquall raises on purpose."""


class UsageError(NewsquallError):
    """The call was wrong; the command line exits with 2."""


class SettingsError(UsageError):
    """A setting is unknown, of the wrong type or out of range."""


class BundleError(NewsquallError):
    """A bundle is missing, damaged, or of a format that this version cannot read."""


class ProviderError(NewsquallError):
    """The execution provider that was asked for is not there or was not taken into use."""


class ScoringError(NewsquallError):
    """The model failed on a batch: nothing in it has been scored."""


class UnscorableText(NewsquallError):  # noqa: N818  (an answer about a text, not a failure)
    """One text has nothing in it that the model could read.

    `reason` is machine-readable and becomes the rejection's reason.
    """

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail


class InputError(NewsquallError):
    """A file, or a row of one, cannot be read as what it should be."""


class RegistryError(NewsquallError):
    """The model registry cannot be reached, refuses, or does not hold what was asked of it."""


class PromotionError(NewsquallError):
    """The gate refuses a model: the champion is what it was."""


class FeedError(NewsquallError):
    """A feed could not be fetched or read this time.

    `reason` is machine-readable, one of stream.feeds.failure.FAILURES; `retry_after`: how long its server asks to be
    left alone.
    """

    def __init__(self, reason: str, detail: str, retry_after: timedelta | None = None) -> None:
        super().__init__(detail)
        self.reason = reason
        self.retry_after = retry_after


class FeedStateError(NewsquallError):
    """The file with what is known of the feeds cannot be opened or written, or another process has it."""


class BrokerError(NewsquallError):
    """Kafka cannot be reached or refuses what was asked of it."""


class ArchiveError(NewsquallError):
    """The archive cannot be opened, or a write to it failed for good."""


class ArchiveAwayError(ArchiveError):
    """The archive's database is down, starting or locked: it may be opened later."""


class ServerError(NewsquallError):
    """A server of the local stack did not come up, or died."""


class RulesError(NewsquallError):
    """The rendered Prometheus rules are refused by promtool."""


class GrafanaError(NewsquallError):
    """Grafana cannot be reached or refuses what was asked of it."""


class ExportError(NewsquallError):
    """The exported graph's numbers differ from the trained model's; nothing was written."""

"""The tables of the configuration, as TOML writes them: every option, its type, its default and its range."""

from __future__ import annotations

from datetime import time, timedelta
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    PlainValidator,
    SecretStr,
    ValidationInfo,
    field_validator,
    model_validator,
)

from connectors.addresses import AllowList
from connectors.contract import web_address
from listener import registry
from listener.alerts.policy import FLOOD
from listener.alerts.quiet import Quiet, parse_quiet
from listener.quantities import Duration, Size
from listener.schedule.daily import Period, Weekday, parse_clock
from listener.sentiment.contract import Label
from listener.sentiment.labels import Thresholds
from listener.sentiment.scorer import LANGUAGES


def _networks(entries: tuple[str, ...]) -> tuple[str, ...]:
    try:
        AllowList(entries)
    except ValueError as error:
        raise ValueError(str(error).removeprefix("allow_private: ")) from None
    return entries


def _scorer(name: str) -> str:
    try:
        registry.scorer(name)
    except registry.UnknownPlugin as error:
        raise ValueError(str(error).rstrip(".")) from None
    return name


def _web_address(url: SecretStr) -> SecretStr:
    web_address(url.get_secret_value())
    return url


def _desk_address(url: str) -> str:
    parts = urlsplit(web_address(url) if url else "")
    if url and url != f"{parts.scheme}://{parts.netloc}":
        raise ValueError(f"'{url}' must end with the host name or its port, without a slash")
    return url


def _quiet(text: object) -> Quiet | None:
    if not isinstance(text, str):
        raise ValueError('must be a span of hours such as "22:00-07:00"')
    return parse_quiet(text) if text else None


def _whole_days(window: timedelta) -> timedelta:
    if window % timedelta(days=1) or not timedelta(days=7) <= window <= timedelta(days=366):
        raise ValueError('is a number of whole days, from "7d" to "366d"')
    return window


SecretWebAddress = Annotated[SecretStr, AfterValidator(_web_address)]
Networks = Annotated[tuple[str, ...], AfterValidator(_networks)]


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class StorageSettings(_Table):
    url: str = "sqlite:///listener.db"


class ScheduleSettings(_Table):
    engine: Literal["threads", "procrastinate"] = "threads"
    threads: int = Field(default=8, ge=1, le=64)
    interval: Duration = timedelta(minutes=15)
    max_backoff: Duration = timedelta(hours=24)
    heartbeat: SecretWebAddress | None = None


class HttpSettings(_Table):
    contact: str = ""
    deadline: Duration = timedelta(seconds=30)
    max_body: Size = 10_000_000
    gap: Duration | None = None
    allow_private: Networks = ()


class ScoringSettings(_Table):
    scorer: Annotated[str, AfterValidator(_scorer)] = "default"
    languages: tuple[str, ...] = LANGUAGES
    silence: float = Field(default=Thresholds().silence, ge=0, le=1)
    sure: float = Field(default=Thresholds().sure, ge=0, le=1)

    @field_validator("languages")
    @classmethod
    def _readable(cls, languages: tuple[str, ...], others: ValidationInfo) -> tuple[str, ...]:
        if "scorer" in others.data:  # otherwise that one is a mistake itself
            registry.scorer(others.data["scorer"])(languages=languages)
        return languages

    @model_validator(mode="after")
    def _can_be_built(self) -> Self:
        if self.model_fields_set == {"scorer"}:  # defaults are not validated above
            registry.scorer(self.scorer)(languages=self.languages)
        return self


class ReportSettings(_Table):
    min_authors: int = Field(default=30, ge=1)
    max_half_width: float = Field(default=20.0, gt=0, le=100)
    min_coverage: float = Field(default=0.8, ge=0, le=1)
    max_unscored: float = Field(default=0.4, ge=0, le=1)
    audits: int = Field(default=50, ge=30)


class AuditSettings(_Table):
    per_day: int = Field(default=3, ge=0, le=1000)


class RecheckSettings(_Table):
    window: Duration = timedelta(days=30)
    per_hour: int = Field(default=600, ge=1, le=100_000)


class SnippetSettings(_Table):
    """A reply to copy: {author}, {brand} and {link} are filled in."""

    name: str = Field(min_length=1, max_length=60)
    text: str = Field(min_length=1, max_length=2000)
    labels: tuple[Label, ...] = ()


class DeskSettings(_Table):
    bind: str = "127.0.0.1"
    port: int = Field(default=8400, ge=1, le=65535)
    address: Annotated[str, AfterValidator(_desk_address)] = ""
    session: Duration = timedelta(hours=12)
    claim: Duration = timedelta(minutes=10)
    open_within: Duration = timedelta(days=7)
    min_confidence: float = Field(default=0.0, ge=0, le=1)
    answer_within: dict[Label, Duration] = {"detractor": timedelta(hours=4)}
    proxy_header: str = ""
    proxy_secret: SecretStr | None = None
    snippets: tuple[SnippetSettings, ...] = ()

    @model_validator(mode="after")
    def _proxy_is_whole(self) -> Self:
        secret = self.proxy_secret is not None and self.proxy_secret.get_secret_value() != ""
        if self.proxy_header and not secret:
            raise ValueError("proxy_header needs proxy_secret, or anybody could send that header")
        if secret and not self.proxy_header:
            raise ValueError("proxy_secret needs proxy_header, the header in which the proxy names the user")
        return self


class AlertingSettings(_Table):
    max_alert_age: Duration = timedelta(hours=24)
    digest_above: int = Field(default=FLOOD, ge=1, le=1_000)
    ops: str = ""
    allow_private: Networks = ()


class BrandSettings(_Table):
    name: str = Field(min_length=1, max_length=100)
    query: str
    rivals: tuple[str, ...] = ()
    staff: tuple[str, ...] = ()
    answer_within: dict[Label, Duration] = {}


class SourceSettings(BaseModel):
    """What every source has; everything else in its table is an option of its connector."""

    model_config = ConfigDict(extra="allow", frozen=True, hide_input_in_errors=True)

    type: str
    name: str = ""
    about: str = ""
    terms: tuple[str, ...] = ()
    interval: Duration | None = None
    backfill: Duration = timedelta(days=7)
    keep: Literal["all", "mentions"] = "all"


class ChannelSettings(BaseModel):
    """What every channel has; everything else in its table is an option of its kind."""

    model_config = ConfigDict(extra="allow", frozen=True, hide_input_in_errors=True)

    name: str = Field(min_length=1)
    type: str
    quiet: Annotated[Quiet | None, PlainValidator(_quiet)] = None


_MENTION = ("mention",)
_OF_KINDS = {
    "brands": ("mention", "overdue", "spike", "drift", "nps", "theme"),
    "labels": ("mention", "overdue"),
    "min_confidence": ("mention", "overdue"),
    "min_reach": _MENTION,
    "max_rating": _MENTION,
    "first_time": _MENTION,
    "roll_up": _MENTION,
    "cooldown": ("spike", "drift", "nps", "theme", "source"),
    "window": ("nps",),
    "down_for": ("source",),
}
"""Options of an alert that only some kinds have."""


class AlertSettings(_Table):
    name: str = Field(min_length=1)
    channels: tuple[str, ...] = Field(min_length=1)
    brands: tuple[str, ...] = ()
    on: Literal["mention", "overdue", "spike", "drift", "nps", "theme", "source"] = "mention"
    labels: tuple[Label, ...] = Field(default=("detractor",), min_length=1)
    min_confidence: float = Field(default=0.0, ge=0, le=1)
    min_reach: int = Field(default=0, ge=0)
    max_rating: float | None = Field(default=None, ge=0, le=5)
    first_time: bool = False
    roll_up: Duration = timedelta()
    cooldown: Duration | None = None
    window: Annotated[Duration, AfterValidator(_whole_days)] = timedelta(days=30)
    down_for: Duration = timedelta(hours=1)

    @model_validator(mode="after")
    def _suits_its_kind(self) -> Self:
        strange = [name for name, kinds in _OF_KINDS.items() if name in self.model_fields_set and self.on not in kinds]
        if strange:
            raise ValueError(f'a rule on = "{self.on}" has no {" and no ".join(strange)}')
        return self


class SentReportSettings(_Table):
    """A report that `listener run` sends by itself."""

    name: str = Field(min_length=1)
    at: Annotated[time, PlainValidator(parse_clock)] = time(8)
    days: tuple[Weekday, ...] = ()
    brands: tuple[str, ...] = ()
    period: Period = "day"
    channels: tuple[str, ...] = Field(min_length=1)
    if_changed: bool = False


class Settings(_Table):
    timezone: str = "UTC"
    storage: StorageSettings = StorageSettings()
    schedule: ScheduleSettings = ScheduleSettings()
    http: HttpSettings = HttpSettings()
    scoring: ScoringSettings = ScoringSettings()
    report: ReportSettings = ReportSettings()
    audit: AuditSettings = AuditSettings()
    desk: DeskSettings = DeskSettings()
    recheck: RecheckSettings = RecheckSettings()
    alerting: AlertingSettings = AlertingSettings()
    brands: tuple[BrandSettings, ...] = ()
    sources: tuple[SourceSettings, ...] = ()
    channels: tuple[ChannelSettings, ...] = ()
    alerts: tuple[AlertSettings, ...] = ()
    reports: tuple[SentReportSettings, ...] = ()

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise ValueError(f"'{name}' is not a time zone: write one such as \"Europe/Berlin\"") from None
        return name

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.timezone)

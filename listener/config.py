"""TOML to settings. Every mistake is reported at once, each with its key; secrets come from environment or file.

A string `env:NAME` or `file:PATH` in a source, a channel, `storage.url`, `schedule.heartbeat` or `desk.proxy_secret` is
replaced by what it names. Relative paths start at the folder of the configuration: cron finds what the shell found.
"""

from __future__ import annotations

import difflib
import stat
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from connectors.contract import Connector
from listener import registry
from listener.alerts.channels.contract import Channel, Warns
from listener.match import Query, QueryError, lint
from listener.match import parse as parse_query
from listener.plain_secrets import plain_secrets
from listener.settings import AlertSettings, ChannelSettings, SentReportSettings, Settings, SourceSettings

_WITH_SECRETS = ("sources", "channels", "storage.url", "schedule.heartbeat", "desk.proxy_secret")

_MISSING = "(a missing secret)"
"""Stands where a secret could not be had; what depends on it is not looked at further."""


class ConfigError(Exception):
    """All that is wrong with a configuration, a sentence each."""

    def __init__(self, place: str, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        super().__init__(f"{place}:" + ("\n  " if len(problems) > 1 else " ") + "\n  ".join(problems))


@dataclass(frozen=True)
class Source:
    """A configured place to listen to, with its connector built."""

    name: str
    connector: Connector
    settings: SourceSettings
    interval: timedelta


@dataclass(frozen=True)
class Config:
    """A configuration in which everything named exists."""

    path: Path
    settings: Settings
    queries: Mapping[str, Query]
    sources: Mapping[str, Source]
    channels: Mapping[str, Channel]
    warnings: tuple[str, ...] = field(default=())


def load(path: Path, environment: Mapping[str, str]) -> Config:
    """Read and check the file. Raises ConfigError with every mistake in it."""
    return read(path, _toml(path), environment)


def read(path: Path, table: dict[str, Any], environment: Mapping[str, str]) -> Config:
    problems: list[str] = []
    written, table = table, _with_secrets(table, path.parent, environment, problems)
    settings = _settings(table, problems)
    queries, sources = _queries(settings, problems), _sources(settings, problems)
    channels = _channels(settings, problems)
    warnings = (*_warnings(path, settings, written), *_told_by(channels))
    config = Config(path, settings, queries, sources, channels, warnings)
    problems.extend(_loose_ends(settings))
    if problems:
        raise ConfigError(str(path), problems)
    return config


def _settings(table: dict[str, Any], problems: list[str]) -> Settings:
    """What of the table is sound, so that a mistake in one place does not hide those in others."""
    sound: dict[str, Any] = {}
    for key, value in table.items():
        try:
            Settings.model_validate({key: value})
            sound[key] = value
        except ValidationError as error:
            problems.extend(_sentences(error, Settings))
            sound |= _rest(key, value, [one["loc"][1:] for one in error.errors(include_url=False, include_input=False)])
    return Settings.model_validate(sound)


def _rest(key: str, value: Any, mistakes: list[tuple[int | str, ...]]) -> dict[str, Any]:
    """`value` without the options that are mistaken, an array without the tables that are nothing without them."""
    if isinstance(value, dict):
        rest = {key: {option: v for option, v in value.items() if (option,) not in {m[:1] for m in mistakes}}}
        return rest if _is_sound(rest) else {}
    if not isinstance(value, list):
        return {}
    kept = []
    for number, element in enumerate(value):
        wrong = {m[1:2] for m in mistakes if m[:1] == (number,)}
        if isinstance(element, dict):
            element = {option: v for option, v in element.items() if (option,) not in wrong}
        if _is_sound({key: [element]}):
            kept.append(element)
    return {key: kept} if _is_sound({key: kept}) else {}


def _is_sound(table: dict[str, Any]) -> bool:
    try:
        Settings.model_validate(table)
    except ValidationError:
        return False
    return True


def _toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigError(str(path), ["there is no such file: `listener init` writes one to start from."]) from None
    except OSError as error:
        raise ConfigError(str(path), [f"cannot be read: {error.strerror}."]) from None
    except UnicodeDecodeError:
        raise ConfigError(str(path), ["is not UTF-8 text: save it as UTF-8."]) from None
    except (ValueError, RecursionError) as error:  # TOMLDecodeError, but also a number of 5,000 digits
        raise ConfigError(str(path), [f"is not valid TOML: {error}."]) from None


def _with_secrets(table: Any, folder: Path, environment: Mapping[str, str], problems: list[str], key: str = "") -> Any:
    if isinstance(table, dict):
        return {
            k: _with_secrets(v, folder, environment, problems, f"{key}.{k}" if key else k) for k, v in table.items()
        }
    if isinstance(table, list):
        return [_with_secrets(v, folder, environment, problems, f"{key}[{n}]") for n, v in enumerate(table, 1)]
    if isinstance(table, str) and key.startswith(_WITH_SECRETS):
        return _secret(table, folder, environment, problems, key)
    return table


def _secret(text: str, folder: Path, environment: Mapping[str, str], problems: list[str], key: str) -> str:
    kind, _, name = text.partition(":")
    if kind == "env":
        if not environment.get(name):
            problems.append(f"{key}: the environment variable {name} is not set.")
            return _MISSING
        return environment[name]
    if kind == "file" and not name.startswith("//"):
        try:
            return (folder / name).read_text(encoding="utf-8").strip()
        except (OSError, ValueError) as error:
            problems.append(f"{key}: the file {name} cannot be read: {getattr(error, 'strerror', 'not UTF-8 text')}.")
            return _MISSING
    return text


def _queries(settings: Settings, problems: list[str]) -> dict[str, Query]:
    queries = {}
    for brand in settings.brands:
        try:
            queries[brand.name] = parse_query(brand.query)
        except QueryError as error:
            problems.append(f'brands "{brand.name}".query: {error}')
    return queries


def _sources(settings: Settings, problems: list[str]) -> dict[str, Source]:
    sources: dict[str, Source] = {}
    for number, given in enumerate(settings.sources, 1):
        name = given.name or f"{given.type}-{number}"
        connector = _plugin(registry.connector, given, f'sources "{name}"', problems)
        if name in sources:
            problems.append(f'sources "{name}": two sources have this name; give each its own.')
        if connector is not None:
            kindest = max(settings.schedule.interval, connector.facts.every or timedelta())
            sources[name] = Source(name, connector, given, given.interval or kindest)
    return sources


def _channels(settings: Settings, problems: list[str]) -> dict[str, Channel]:
    channels: dict[str, Channel] = {}
    for given in settings.channels:
        if given.name in channels:
            problems.append(f'channels "{given.name}": two channels have this name; give each its own.')
        built = _plugin(registry.channel, given, f'channels "{given.name}"', problems, given.name)
        if built is not None:
            channels[given.name] = built
    return channels


def _told_by(channels: Mapping[str, Channel]) -> list[str]:
    warned = ((name, channel.warning) for name, channel in channels.items() if isinstance(channel, Warns))
    return [f'channels "{name}": {warning}' for name, warning in warned if warning]


def _plugin(find: Any, given: SourceSettings | ChannelSettings, key: str, problems: list[str], *first: str) -> Any:
    if _MISSING in repr(given.model_extra):
        return None
    try:
        plugin = find(given.type)
        return plugin(*first, plugin.options.model_validate(given.model_extra or {}))
    except registry.UnknownPlugin as error:
        problems.append(f"{key}.type: {error}")
    except ValidationError as error:
        problems.extend(_sentences(error, plugin.options, f"{key}."))
    except ValueError as error:
        problems.append(f"{key}: {error}")
    return None


def _loose_ends(settings: Settings) -> list[str]:
    """References to brands, channels and a queue that are not there."""
    brands = {brand.name for brand in settings.brands}
    channels = {channel.name for channel in settings.channels}
    loose = []
    for source in settings.sources:
        if source.about and source.about not in brands:
            loose.append(f'sources "{source.name or source.type}".about: there is no brand "{source.about}".')
    told: list[tuple[str, AlertSettings | SentReportSettings]] = [("alerts", alert) for alert in settings.alerts]
    told += [("reports", report) for report in settings.reports]
    for what, one in told:
        loose += [f'{what} "{one.name}".brands: there is no brand "{b}".' for b in one.brands if b not in brands]
        loose += [
            f'{what} "{one.name}".channels: there is no channel "{c}".' for c in one.channels if c not in channels
        ]
    if settings.alerting.ops not in ("", *channels):
        loose.append(f'alerting.ops: there is no channel "{settings.alerting.ops}".')
    if settings.schedule.engine == "procrastinate" and settings.storage.url.startswith("sqlite:"):
        loose.append('schedule.engine: "procrastinate" needs storage.url = "postgresql://…", where its queue is.')
    named = [("brands", brand.name) for brand in settings.brands] + [(what, one.name) for what, one in told]
    loose += [
        f'{w} "{n}": two have this name; give each its own.' for w, n in sorted({*named}) if named.count((w, n)) > 1
    ]
    return loose


def _warnings(path: Path, settings: Settings, table: Mapping[str, Any]) -> list[str]:
    warnings = []
    for brand in settings.brands:
        try:
            warnings += lint(brand.name, parse_query(brand.query))
        except QueryError:
            continue  # reported as a mistake already
    if path.exists() and path.stat().st_mode & (stat.S_IRGRP | stat.S_IROTH) and (secrets := plain_secrets(table)):
        held = ", ".join(secrets[:3]) + (", …" if len(secrets) > 3 else "")
        warnings.append(
            f"{path} holds secrets ({held}) and others may read it: chmod 600 it, or use env: or file: values."
        )
    return warnings


def _sentences(error: ValidationError, model: type[BaseModel], prefix: str = "") -> list[str]:
    """A pydantic error as `key: what to do`, one for each mistake."""
    sentences = []
    errors = error.errors(include_url=False, include_input=False)
    inner = {one["loc"][:-1] for one in errors}
    for one in errors:
        if one["type"] == "too_short" and one["loc"] in inner:
            continue  # it has something, which is a mistake itself
        key = (prefix + _key(one["loc"])).rstrip(".")
        if one["type"] == "extra_forbidden":
            known = sorted(_fields_at(model, one["loc"]))
            close = difflib.get_close_matches(str(one["loc"][-1]), known, 1)
            hint = f"did you mean '{close[0]}'?" if close else f"there are: {', '.join(known)}."
            sentences.append(f"{key}: there is no such option; {hint}")
        elif one["type"] == "missing":
            sentences.append(f"{key}: is missing.")
        else:
            said = _PLAINER.get(one["type"]) or one["msg"].removeprefix("Value error, ")
            sentences.append(f"{key}: {said}.")
    return sentences


_PLAINER = {
    "too_short": "must not be empty",
    "string_too_short": "must not be empty",
    "tuple_type": 'must be a list, such as ["one", "two"]',
}


def _key(loc: tuple[int | str, ...]) -> str:
    key = ""
    for part in loc:
        key += f"[{part + 1}]" if isinstance(part, int) else f".{part}" if key else str(part)
    return key


def _fields_at(model: type[BaseModel], loc: tuple[int | str, ...]) -> set[str]:
    """Names of the options beside the unknown one at `loc`."""
    here: Any = model
    for part in loc[:-1]:
        if isinstance(part, str) and part in here.model_fields:
            kind = here.model_fields[part].annotation
            here = next((a for a in (kind, *getattr(kind, "__args__", ())) if hasattr(a, "model_fields")), here)
    return set(here.model_fields)

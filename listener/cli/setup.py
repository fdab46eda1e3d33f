"""`listener init` and `listener check`: from nothing to a configuration that is known to be sound."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from functools import partial
from importlib.resources import files
from pathlib import Path
from typing import Any

import click

from listener.app import config_path
from listener.cli.main import NOTHING_WORKED, PARTLY, opened
from listener.cli.progress import Progress
from listener.health import UNASKED
from listener.schedule.engine import Job
from listener.trial import ChannelTrial, SourceTrial, try_channel, try_source
from storage.records import moment


@click.command("init")
@click.pass_context
def init_command(ctx: click.Context) -> int:
    """Write a configuration to start from; never over an existing one."""
    path = config_path(ctx.find_root().obj, os.environ)
    try:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
            file.write(example())
    except FileExistsError:
        raise click.UsageError(f"{path} is there already; move it away, or name another file with --config.") from None
    except OSError as error:
        raise click.UsageError(f"{path} cannot be written: {error.strerror}.") from None
    click.echo(f"{path} is written. Put your brand into it, then: listener check; listener pull; listener report")
    return 0


@click.command("check")
@click.option("--offline", is_flag=True, help="Ask neither sources nor channels.")
@click.option("--json", "as_json", is_flag=True)
@click.pass_context
def check_command(ctx: click.Context, offline: bool, as_json: bool) -> int:
    """Read the configuration, open the database, ask each source for one page that is not kept and each channel whether
    it would take a message; say all that is wrong."""
    with opened(ctx, advise=True) as app:
        watches = app.questions()
        counts = app.store.counts()
        sources, channels = ([], []) if offline else _tried(app)
        if as_json:
            click.echo(_as_json(app, len(watches), counts, sources, channels))
        else:
            click.echo(f"configuration  {app.config.path}: sound")
            click.echo(f"database       {app.store.place}: {', '.join(f'{n} {what}' for what, n in counts.items())}")
            click.echo(f"brands         {', '.join(app.config.queries) or 'none: add [[brands]]'}")
            click.echo(f"watches        {len(watches)} of {len(app.config.sources)} sources")
            click.echo(f"channels       {', '.join(app.config.channels) or 'none: alerts are not sent'}")
            for line in (*(_source_line(one, app) for one in sources), *map(_channel_line, channels)):
                click.echo(line)
    return _exit_code(sources, channels)


def _tried(app: Any) -> tuple[list[SourceTrial], list[ChannelTrial]]:
    """All of them side by side, one at a time per host; in the order of the configuration."""
    sources: dict[str, SourceTrial] = {name: SourceTrial(name, "", error=UNASKED.reason) for name in app.config.sources}
    channels: dict[str, ChannelTrial] = {}
    intake, now = app.intake(), app.now()
    first_terms = {source.name: term for source, term in reversed(app.questions())}
    with Progress("trying", len(first_terms) + len(app.config.channels)) as progress:

        def ask(name: str) -> None:
            sources[name] = try_source(app.config.sources[name], first_terms[name], app.http, intake, now)
            progress.step(name)

        def probe(name: str) -> None:
            channels[name] = try_channel(name, app.config.channels[name], app.alert_http)
            progress.step(name)

        engine = app.engine()
        for name in first_terms:
            engine.submit(Job(f"source:{name}", app.lanes[name], partial(ask, name)))
        for name in app.config.channels:
            engine.submit(Job(f"channel:{name}", f"channel:{name}", partial(probe, name)))
        engine.wait()
        engine.stop(0)
    return list(sources.values()), [_unless_stopped(app, channels[name]) for name in app.config.channels]


def _unless_stopped(app: Any, trial: ChannelTrial) -> ChannelTrial:
    """What a channel says of itself helps nobody while nothing is sent to it."""
    _, stopped = app.store.channel(trial.channel)
    if not stopped or trial.error:
        return trial
    return trial._replace(error=f"nothing is sent to it since it refused: {stopped.removeprefix('Stopped: ')}")


def _exit_code(sources: list[SourceTrial], channels: list[ChannelTrial]) -> int:
    failed = [bool(trial.error) for trial in sources]
    if failed and all(failed):
        return NOTHING_WORKED
    return PARTLY if any(failed) or any(trial.error for trial in channels) else 0


def _source_line(trial: SourceTrial, app: Any) -> str:
    name = f"source         {trial.source}" + (f", asked for {trial.term}" if trial.term else "")
    if trial.error:
        return f"{name}: failed: {trial.error}"
    posts = f"{trial.posts} {'post' if trial.posts == 1 else 'posts'}"
    zone = app.config.settings.zone
    newest = f", the newest of {moment(trial.newest).astimezone(zone):%Y-%m-%d %H:%M}" if trial.newest else ""
    return f"{name}: ok: {posts}{newest}, {trial.matching} of a brand. {trial.note}".rstrip()


def _channel_line(trial: ChannelTrial) -> str:
    name = f"channel        {trial.channel}"
    if trial.error:
        return f"{name}: failed: {trial.error}"
    if trial.said:
        return f"{name}: {trial.said}."
    return f"{name}: cannot be tried without sending: listener alerts test {trial.channel}"


def _as_json(
    app: Any, watches: int, counts: Mapping[str, int], sources: list[SourceTrial], channels: list[ChannelTrial]
) -> str:
    report = {
        "configuration": str(app.config.path),
        "database": {"place": app.store.place, **counts},
        "brands": list(app.config.queries),
        "watches": watches,
        "sources": [trial._asdict() for trial in sources],
        "channels": [trial._asdict() for trial in channels],
    }
    return json.dumps(report, ensure_ascii=False, indent=2)


def example() -> str:
    """config.example.toml: package data in a wheel, beside the packages in an editable install."""
    packaged = files("listener") / "config.example.toml"
    beside = Path(__file__).parents[2] / "config.example.toml"
    return (packaged if packaged.is_file() else beside).read_text(encoding="utf-8")

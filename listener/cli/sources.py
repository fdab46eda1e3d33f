"""`listener sources`: what is listened to, and how well it is heard."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from connectors import opml
from listener import registry
from listener.app import config_path
from listener.cli.main import PARTLY, opened
from listener.config import ConfigError, load
from listener.health import UNASKED, Health
from storage.records import Watch, moment

_COLUMNS = "{} {:<9} {:<10} {:<17} {:<17} {}"
_WIDEST = 40


@click.group("sources", invoke_without_command=True)
@click.option("--json", "as_json", is_flag=True, help="The watches as JSON.")
@click.pass_context
def sources_command(ctx: click.Context, as_json: bool) -> int:
    """Every watch with its health, last post, last run, and when it is asked next. Exit code 3 when one is failing."""
    if ctx.invoked_subcommand is not None:
        return 0
    with opened(ctx) as app:
        watches = app.sync_watches()
        healths = app.healths(watches)
        rows = list(zip(watches, healths, strict=True))
        unasked = app.unasked()
        click.echo(_as_json(rows, unasked) if as_json else _as_table(rows, unasked, app.config.settings.zone))
    return PARTLY if unasked or any(one.failing for one in healths) else 0


def _as_table(rows: Sequence[tuple[Watch, Health]], unasked: Sequence[str], zone: Any) -> str:
    if not rows and not unasked:
        return "no source is configured: add [[sources]]."

    def when(stamped: str | None) -> str:
        return moment(stamped).astimezone(zone).strftime("%Y-%m-%d %H:%M") if stamped else "never"

    names = ["source", *(watch.name for watch, _ in rows), *unasked]
    width = min(max(map(len, names)), _WIDEST)
    lines = [_COLUMNS.format("source".ljust(width), "state", "outcome", "last post", "last run", "next")]
    for watch, its in rows:
        following = "never again" if watch.closed else when(watch.next_due)
        outcome = watch.last_outcome or "none yet"
        line = (watch.name.ljust(width), its.state, outcome, when(watch.news_at), when(watch.last_run_at), following)
        lines.append(_COLUMNS.format(*line).rstrip())
        if its.reason:
            lines.append(f"  {its.reason}")
    for name in unasked:
        lines += [_COLUMNS.format(name.ljust(width), UNASKED.state, "", "", "", "").rstrip(), f"  {UNASKED.reason}"]
    states = [its.state for _, its in rows]
    lines.append(f"{len(rows)} watches: " + ", ".join(f"{states.count(one)} {one}" for one in dict.fromkeys(states)))
    return "\n".join(lines)


def _as_json(rows: Sequence[tuple[Watch, Health]], unasked: Sequence[str]) -> str:
    shown = ("id", "source", "kind", "term", "next_due", "failures", "last_run_at", "last_outcome", "last_error")
    watches = [
        {"state": its.state, "reason": its.reason, "failing": its.failing}
        | {key: watch._asdict()[key] for key in (*shown, "trouble", "heard_at", "news_at", "moved_to", "closed")}
        for watch, its in rows
    ]
    watches += [{"source": name, "failing": True, **UNASKED._asdict()} for name in unasked]
    return json.dumps(watches, ensure_ascii=False, indent=2)


@sources_command.command("types")
@click.argument("name", required=False)
@click.option("--json", "as_json", is_flag=True)
def types_command(name: str | None, as_json: bool) -> int:
    """What kinds of sources there are: what each hears and cannot hear, its key, its duty, its options."""
    names = [name] if name else list(registry.CONNECTORS)
    try:
        types = {one: _facts(one) for one in names}
    except registry.UnknownPlugin as error:
        raise click.UsageError(str(error)) from None
    if as_json:
        click.echo(json.dumps(types, ensure_ascii=False, indent=2))
        return 0
    for one, facts in types.items():
        click.echo(one)
        for what, said in facts.items():
            click.echo(f"  {what:<8} {', '.join(said) if isinstance(said, list) else said}")
    return 0


def _facts(name: str) -> dict[str, Any]:
    connector = registry.connector(name)
    facts = connector.facts
    every = "schedule.interval" if facts.every is None else f"{facts.every.total_seconds() / 60:g} min"
    shown = {"hears": facts.hears, "misses": facts.misses, "key": facts.key, "duty": facts.duty}
    return shown | {"every": every, "options": list(connector.options.model_fields)}


@sources_command.command("import")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--dry-run", is_flag=True, help="Print what would be added, write nothing.")
@click.pass_context
def import_command(ctx: click.Context, file: Path, dry_run: bool) -> int:
    """Add the feeds of an OPML FILE (any feed reader exports one) to the configuration; known ones are left alone."""
    path = config_path(ctx.find_root().obj, os.environ)
    try:
        listed = opml.read(file.read_bytes())
    except OSError as error:
        raise click.UsageError(f"{file} cannot be read: {error.strerror}.") from None
    except opml.NoOpml as error:
        raise click.UsageError(f"{file} {error}.") from None
    config = load(path, os.environ)
    known = {str((source.settings.model_extra or {}).get("url", "")) for source in config.sources.values()}
    fresh = [one for one in listed if one.url not in known]
    tables = _tables(fresh, config.sources)
    if dry_run:
        click.echo(tables, nl=False)
    elif fresh:
        _append(path, tables)
    done = "would be added to" if dry_run else "added to"
    click.echo(f"{len(fresh)} feeds {done} {path}, {len(listed) - len(fresh)} were there already.", err=dry_run)
    return 0


@sources_command.command("export")
@click.pass_context
def export_command(ctx: click.Context) -> int:
    """Print the configured feeds as OPML, for any feed reader."""
    with opened(ctx) as app:
        named = [
            opml.Outline(name, str((source.settings.model_extra or {})["url"]))
            for name, source in app.config.sources.items()
            if source.settings.type == "feed"
        ]
    click.echo(opml.write(named), nl=False)
    return 0


def _tables(outlines: Sequence[opml.Outline], taken: Mapping[str, object]) -> str:
    names = {*taken}
    tables = ""
    for title, url in outlines:
        name, number = title[:80], 2
        while name in names:
            name, number = f"{title[:80]} {number}", number + 1
        names.add(name)
        # A JSON string is a TOML string.
        quoted = (json.dumps(text, ensure_ascii=False) for text in (name, url))
        tables += '\n[[sources]]\ntype = "feed"\nname = {}\nurl = {}\n'.format(*quoted)
    return tables


def _append(path: Path, tables: str) -> None:
    """The file as it was stays beside it as .bak; what would not load is not written."""
    before = path.read_text(encoding="utf-8")
    draft = path.with_name(path.name + ".new")
    try:
        handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, path.stat().st_mode & 0o777)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(before.rstrip("\n") + "\n" + tables)
        load(draft, os.environ)
        backup = path.with_name(path.name + ".bak")
        backup.unlink(missing_ok=True)
        os.link(path, backup)
        draft.replace(path)
    except OSError as error:
        raise click.UsageError(f"{path} cannot be written: {error.strerror}; nothing was changed.") from None
    except ConfigError as error:
        raise click.UsageError(f"the feeds would not load, so nothing was changed: {error}") from None
    finally:
        draft.unlink(missing_ok=True)

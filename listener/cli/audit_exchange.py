"""`listener audit export` and `import`: a sheet goes out to be labelled elsewhere, and its labels come back."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Container, Sequence
from pathlib import Path
from typing import IO, Any

import click

from connectors.archive import BadRow, NoArchive
from listener.audit_files import EXPORTED, IMPORTED, Labelling, Unlabelled, read, write
from listener.audits import ANSWERS, EVERY, newest_draws, news, once, refusal
from listener.cli.audit_label import somebody
from listener.cli.main import NOTHING_WORKED, PARTLY, opened, unknown
from listener.cli.progress import Progress
from storage.records_nps import Drawn
from storage.records_scoring import Review

_STEP = 1000
_SHOWN = 100
_STDIN = "-"


# -- out


@click.command("export", epilog=f"Columns: {', '.join(EXPORTED)}.")
@click.option("--brand", default="", metavar="NAME", help="Default: every brand.")
@click.option("--audit", default="", metavar="ID", help="Only what this audit drew; its id or the beginning of it.")
@click.option("--all", "everything", is_flag=True, help="What is labelled already, too.")
@click.option("--format", "form", type=click.Choice(["csv", "jsonl"]), help="Default: by the file's name, else csv.")
@click.option("-o", "--output", metavar="FILE", default="-", help="Default: stdout.")
@click.pass_context
def export_command(ctx: click.Context, brand: str, audit: str, everything: bool, form: str | None, output: str) -> int:
    """Write the drawn mentions that wait for a label, without a word of what the scorer says.

    Add a column "label" (and "reviewer", if you like) and give the file to `listener audit import`.
    """
    with opened(ctx) as app:
        if brand and brand not in app.config.queries:
            raise unknown("brand", brand, app.config.queries)
        audit_id = _audit(app, audit) if audit else ""
        found = once(app.store.drawn(brand, audit_id, waiting=not everything, limit=EVERY))
    standing = [one for one in found if one.post.deleted_at is None]
    by_name = "jsonl" if output.lower().endswith((".jsonl", ".ndjson")) else "csv"
    _write(standing, form or by_name, output)
    click.echo(f"{len(standing):,} mentions written.", err=True)
    return 0


def _audit(app: Any, beginning: str) -> str:
    found = [one.audit.id for one in app.store.audits() if one.audit.id.startswith(beginning)]
    if not found:
        raise click.UsageError(f"there is no audit '{beginning}'; `listener audit list --all` shows them.")
    if len(found) > 1:
        raise click.UsageError(f"{len(found)} audits begin with '{beginning}': {', '.join(found[:10])}.")
    return str(found[0])


def _write(drawn: Sequence[Drawn], form: str, output: str) -> None:
    if output == "-":
        write(drawn, form, sys.stdout)
        return
    try:
        with Path(output).open("w", encoding="utf-8", newline="") as stream:
            write(drawn, form, stream)
    except OSError as error:
        raise click.UsageError(f"{output} cannot be written: {error.strerror}.") from error


# -- in


@click.command("import", epilog=f"Columns: {', '.join(IMPORTED)} (may be left out). Labels: {', '.join(ANSWERS)}.")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, allow_dash=True))
@click.option(
    "--reviewer", default="", metavar="NAME", help="Whose labels these are where a row does not say. Default: yours."
)
@click.option("--skip-bad", is_flag=True, help="Store the good rows though others are bad.")
@click.option("--json", "as_json", is_flag=True)
@click.pass_context
def import_command(ctx: click.Context, file: str, reviewer: str, skip_bad: bool, as_json: bool) -> int:
    """Store the labels of FILE (CSV or JSON lines; "-" reads stdin), all of them or, if a row is bad, none.

    Importing twice changes nothing; another label by the same reviewer takes the place of the first. Rows without a
    label are left alone.
    """
    with opened(ctx) as app:
        labels, unlabelled, bad = _read(file, reviewer or somebody())
        draws = newest_draws(app.store, [one.answer.mention_id for one in labels])
        bad += _undrawn(app, labels, draws)
        bad.sort(key=lambda row: row.line)
        good = [one.answer for one in labels if one.answer.mention_id in draws]
        usable = good if skip_bad or not bad else []
        reviews = news(app.store, usable, draws, app.now())
        _store(app, reviews)
        waiting = len(once(app.store.drawn(limit=EVERY)))
    told = {
        "read": len(good) + unlabelled + len(bad),
        "stored": len(reviews),
        "known": len(usable) - len(reviews),
        "unlabelled": unlabelled,
        "bad": len(bad),
        "problems": [{"line": row.line, "problem": row.problem} for row in bad],
        "waiting": waiting,
    }
    _complain(bad, skipped=bool(usable))
    click.echo(json.dumps(told, ensure_ascii=False, indent=2) if as_json else _sentence(told))
    return NOTHING_WORKED if not usable else PARTLY if bad else 0


def _read(file: str, reviewer: str) -> tuple[list[Labelling], int, list[BadRow]]:
    """The labels, how many rows have none, and the bad rows."""
    labels: list[Labelling] = []
    bad: list[BadRow] = []
    unlabelled = 0
    size = 0 if file == _STDIN else Path(file).stat().st_size
    with _opened(file) as stream, Progress(f"reading {Path(file).name}", size) as progress:
        done = 0
        try:
            for number, row in enumerate(read(stream, reviewer), 1):
                if isinstance(row, Labelling):
                    labels.append(row)
                elif isinstance(row, Unlabelled):
                    unlabelled += 1
                else:
                    bad.append(row)
                if size and number % _STEP == 0:
                    progress.step(steps=(at := stream.buffer.tell()) - done)  # type: ignore[attr-defined]
                    done = at
        except NoArchive as error:
            raise click.UsageError(f"{'stdin' if file == _STDIN else file}: {error}.") from error
    return labels, unlabelled, bad


def _opened(file: str) -> IO[str]:
    if file == _STDIN:
        return io.TextIOWrapper(sys.stdin.buffer, encoding="utf-8", errors="surrogateescape", newline="")
    try:
        return Path(file).open(encoding="utf-8", errors="surrogateescape", newline="")
    except OSError as error:
        raise click.UsageError(f"{file} cannot be read: {error.strerror}.") from error


def _undrawn(app: Any, labels: Sequence[Labelling], draws: Container[str]) -> list[BadRow]:
    return [
        BadRow(line, refusal(app.store, answer.mention_id)) for line, answer in labels if answer.mention_id not in draws
    ]


def _store(app: Any, reviews: Sequence[Review]) -> None:
    """In slices, so that nobody waits for the write lock for long; a broken import is finished by repeating it."""
    with Progress("storing labels", len(reviews)) as progress:
        for start in range(0, len(reviews), _STEP):
            app.store.add_reviews(reviews[start : start + _STEP])
            progress.step(steps=len(reviews[start : start + _STEP]))


def _complain(bad: Sequence[BadRow], *, skipped: bool) -> None:
    for row in bad[:_SHOWN]:
        click.echo(f"line {row.line}: {row.problem}.", err=True)
    if len(bad) > _SHOWN:
        click.echo(f"and {len(bad) - _SHOWN:,} more bad rows.", err=True)
    if bad and not skipped:
        click.echo("nothing was stored: mend these rows, or let --skip-bad store the others.", err=True)


def _sentence(told: dict[str, Any]) -> str:
    counts = {"labels stored": told["stored"], "known already": told["known"]}
    counts |= {what: told[key] for what, key in (("rows unlabelled", "unlabelled"), ("bad", "bad")) if told[key]}
    said = ", ".join(f"{count:,} {what}" for what, count in counts.items())
    return f"{said}; waiting for a label: {told['waiting']:,}."

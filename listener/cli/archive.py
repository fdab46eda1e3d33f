"""`listener import`: an archive of posts through the same pipeline as everything else."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import IO, Any

import click

from connectors.archive import FIELDS, BadRow, NoArchive, read_csv, read_jsonl
from connectors.post import Post
from listener.cli.main import NOTHING_WORKED, PARTLY, counted, opened, unknown
from listener.cli.progress import Progress
from listener.intake import Intake, Origin
from storage.records import PageCount, stamp

_PAGE = 1000
_SHOWN = 20


@click.command("import", epilog=f"Columns: {', '.join(FIELDS)}. Only text (or title) is needed.")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--source", default="import", show_default=True, help="The source's name in reports.")
@click.option("--about", metavar="BRAND", help="Every post is a mention of this brand, whatever its query says.")
@click.option("--format", "form", type=click.Choice(["jsonl", "csv"]), help="Default: by the file's name.")
@click.pass_context
def import_command(ctx: click.Context, file: Path, source: str, about: str | None, form: str | None) -> int:
    """Import an archive of posts (JSON lines or CSV). History raises no alerts; importing twice changes nothing."""
    with opened(ctx) as app:
        if about and about not in app.config.queries:
            raise unknown("brand", about, app.config.queries)
        origin = Origin(source, about or "", backfill=True)
        with _open(file) as stream, Progress(f"importing {file.name}", file.stat().st_size) as progress:
            rows = _rows(stream, form or ("csv" if file.suffix.lower() == ".csv" else "jsonl"), source)
            read, stored, bad = _store(app, rows, origin, stream, progress)
        app.settle()
    click.echo(
        f"{counted(read, 'post')} read: {stored.new} new, {stored.edited} edited, "
        f"{counted(stored.mentions, 'new mention')}; {bad} bad."
    )
    return 0 if not bad else PARTLY if read else NOTHING_WORKED


def _open(file: Path) -> IO[str]:
    try:
        return file.open(encoding="utf-8-sig", errors="surrogateescape", newline="")
    except OSError as error:
        raise click.UsageError(f"{file} cannot be read: {error.strerror}.") from error


def _rows(stream: IO[str], form: str, source: str) -> Iterator[Post | BadRow]:
    try:
        yield from (read_csv if form == "csv" else read_jsonl)(stream, source)
    except NoArchive as error:
        raise click.UsageError(f"{stream.name}: {error}.") from error


def _store(
    app: Any, rows: Iterator[Post | BadRow], origin: Origin, stream: IO[str], progress: Progress
) -> tuple[int, PageCount, int]:
    intake: Intake | None = None  # made for the first page: it opens the database, which a bad file does not deserve
    read = bad = done = 0
    stored = PageCount()
    while page := list(islice(rows, _PAGE)):
        posts = [row for row in page if isinstance(row, Post)]
        for row in page:
            if isinstance(row, BadRow):
                bad += 1
                _complain(row, bad)
        now = app.now()
        intake = intake or app.intake()
        count = app.store.add_page(intake.arrivals(posts, origin, app.store, now), stamp(now))
        stored = PageCount(*(a + b for a, b in zip(stored, count, strict=True)))
        read += len(posts)
        progress.step(steps=(at := stream.buffer.tell()) - done)  # type: ignore[attr-defined]
        done = at
    return read, stored, bad


def _complain(row: BadRow, number: int) -> None:
    if number <= _SHOWN:
        click.echo(f"line {row.line}: {row.problem}; skipped.", err=True)
    elif number == _SHOWN + 1:
        click.echo("more bad lines follow; only counted from here on.", err=True)
    sys.stderr.flush()

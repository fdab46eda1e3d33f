"""`listener evaluate`: how right a scorer is, or several side by side, against labels that people gave."""

from __future__ import annotations

import json
import os
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from itertools import islice
from pathlib import Path
from typing import IO, Any

import click

from connectors.archive import BadRow, NoArchive
from listener import registry
from listener.cli.main import NOTHING_WORKED, PARTLY, opened, unknown
from listener.cli.progress import Progress
from listener.sentiment.contract import LABELS, Scorer
from listener.sentiment.evaluate import Evaluation, Judged
from listener.sentiment.labelled import COLUMNS, LabelledText, read_labelled
from listener.sentiment.language import primary

_BATCH = 256
_SHOWN = 20
_DEFAULT = "default"


class _Contest:
    """Scorers by name, and what each is worth on the texts so far."""

    def __init__(self, scorers: Mapping[str, Scorer]) -> None:
        self._scorers = scorers
        self.evaluations = {name: Evaluation() for name in scorers}
        self.n = 0

    def add(self, batch: Sequence[LabelledText]) -> None:
        texts = [one.text for one in batch]
        for name, scorer in self._scorers.items():
            for one, verdict in zip(batch, scorer.score_many(texts), strict=True):
                self.evaluations[name].add(Judged(one.label, verdict, primary(one.text.language), one.source))
        self.n += len(batch)

    def told(self) -> dict[str, Any]:
        return {
            name: evaluation.told() | {"id": self._scorers[name].id} for name, evaluation in self.evaluations.items()
        }


@click.command("evaluate", epilog=f"Columns: {', '.join(COLUMNS)}. Only text and label are needed.")
@click.argument("file", required=False, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--reviews", is_flag=True, help="In place of FILE: the labels that people gave to stored mentions.")
@click.option("--brand", default="", metavar="NAME", help="Only texts about this brand.")
@click.option("--scorer", "names", multiple=True, metavar="NAME", help="Default: the configured one; may be repeated.")
@click.option(
    "--use-ratings", is_flag=True, help="Let ratings decide, as they do for mentions; otherwise texts are read."
)
@click.option("--format", "form", type=click.Choice(["jsonl", "csv"]), help="Default: by the file's name.")
@click.option("--json", "as_json", is_flag=True)
@click.pass_context
def evaluate_command(
    ctx: click.Context,
    file: Path | None,
    reviews: bool,
    brand: str,
    names: tuple[str, ...],
    use_ratings: bool,
    form: str | None,
    as_json: bool,
) -> int:
    """Measure scorers on labelled texts: FILE (JSON lines or CSV), or --reviews.

    Labels are promoter, passive, detractor, no_opinion, or positive, neutral, negative; with one of these three the
    comparison is three-way, passive and no_opinion both neutral. In FILE, texts that name no brand are about --brand.
    Without a configuration the defaults hold.
    """
    if (file is None) != reviews:
        raise click.UsageError("give either a FILE of labelled texts or --reviews.")
    with _app(ctx, needed=reviews) as app:
        scorers = _scorers(app, names)
        if file is None:
            return _on_reviews(app, scorers, brand, use_ratings, as_json)
    form = form or ("csv" if file.suffix.lower() == ".csv" else "jsonl")
    return _on_file(file, form, scorers, brand, use_ratings, as_json)


def _app(ctx: click.Context, needed: bool) -> AbstractContextManager[Any]:
    from listener.app import config_path

    given = ctx.find_root().obj
    return opened(ctx) if needed or given or config_path(None, os.environ).exists() else nullcontext()


def _scorers(app: Any, names: Sequence[str]) -> dict[str, Scorer]:
    configured = app.config.settings.scoring.scorer if app else _DEFAULT
    scorers = {}
    for name in dict.fromkeys(names or (configured,)):
        try:
            scorers[name] = app.scorer_under(app.store.word_rules(), name) if app else _unconfigured(name)
        except (registry.UnknownPlugin, ValueError) as error:
            raise click.UsageError(f"--scorer {name}: {str(error).rstrip('.')}.") from error
    return scorers


def _unconfigured(name: str) -> Scorer:
    from listener.settings import ScoringSettings

    return registry.scorer(name)(languages=ScoringSettings().languages)


# -- a file


def _on_file(file: Path, form: str, scorers: Mapping[str, Scorer], brand: str, ratings: bool, as_json: bool) -> int:
    contest = _Contest(scorers)
    with _open(file) as stream, Progress(f"evaluating on {file.name}", file.stat().st_size) as progress:
        rows = _Rows(stream, form, ratings, brand)
        done = 0
        while batch := list(islice(rows, _BATCH)):
            contest.add(batch)
            progress.step(steps=(at := stream.buffer.tell()) - done)  # type: ignore[attr-defined]
            done = at
    if contest.n:
        _tell({"file": str(file), "bad_lines": rows.bad, "scorers": contest.told()}, as_json)
    else:
        click.echo(f"{file}: no labelled text{f' about {brand}' if brand else ''} is in it.", err=True)
    return NOTHING_WORKED if not contest.n else PARTLY if rows.bad else 0


class _Rows:
    """The good rows of a file about a brand; the bad ones are named on stderr and counted."""

    def __init__(self, stream: IO[str], form: str, ratings: bool, brand: str) -> None:
        self.bad = 0
        self._stream = stream
        self._rows = read_labelled(stream, form, ratings=ratings)
        self._brand = brand

    def __iter__(self) -> Iterator[LabelledText]:
        return self

    def __next__(self) -> LabelledText:
        while True:
            try:
                row = next(self._rows)
            except NoArchive as error:
                raise click.UsageError(f"{self._stream.name}: {error}.") from error
            if isinstance(row, BadRow):
                self._complain(row)
            elif not self._brand or row.text.brand in ("", self._brand):
                return row._replace(text=row.text._replace(brand=row.text.brand or self._brand))

    def _complain(self, row: BadRow) -> None:
        self.bad += 1
        if self.bad <= _SHOWN:
            click.echo(f"line {row.line}: {row.problem}; skipped.", err=True)
        elif self.bad == _SHOWN + 1:
            click.echo("more bad lines follow; only counted from here on.", err=True)
        sys.stderr.flush()


def _open(file: Path) -> IO[str]:
    try:
        return file.open(encoding="utf-8-sig", errors="surrogateescape", newline="")
    except OSError as error:
        raise click.UsageError(f"{file} cannot be read: {error.strerror}.") from error


# -- people's labels


def _on_reviews(app: Any, scorers: Mapping[str, Scorer], brand: str, ratings: bool, as_json: bool) -> int:
    if brand and brand not in app.config.queries:
        raise unknown("brand", brand, app.config.queries)
    labelled = [one for one in app.store.labelled(brand) if one.review.label in LABELS]
    sampled = Counter(one.review.sampled_by for one in labelled)
    if not labelled:
        click.echo(f"nobody has labelled a mention{f' of {brand}' if brand else ''} yet.", err=True)
        return NOTHING_WORKED
    _warn(app, labelled, sampled)
    everyone, audits = _Contest(scorers), _Contest(scorers)
    with Progress("evaluating on people's labels", len(labelled)) as progress:
        for start in range(0, len(labelled), _BATCH):
            batch = labelled[start : start + _BATCH]
            everyone.add(list(_texts(batch, ratings)))
            progress.step(steps=len(batch))
    drawn = [one for one in labelled if one.review.sampled_by == "audit"]
    if len(drawn) < len(labelled):
        for start in range(0, len(drawn), _BATCH):
            audits.add(list(_texts(drawn[start : start + _BATCH], ratings)))
    told = {"brand": brand, "sampled_by": dict(sorted(sampled.items())), "scorers": everyone.told()}
    _tell(told | {"audits": audits.told() if audits.n else {}}, as_json)
    return 0


def _texts(labelled: Iterable[Any], ratings: bool) -> Iterator[LabelledText]:
    from listener.intake import text_of

    for review, mention, post in labelled:
        text = text_of(post, mention.brand)
        yield LabelledText(text if ratings else text._replace(rating=None), review.label, mention.source)


def _warn(app: Any, labelled: Sequence[Any], sampled: Counter[str]) -> None:
    from listener.calibrations import in_force

    chosen = sampled.total() - sampled["audit"]
    if chosen:
        click.echo(
            f"warning: {chosen} of {sampled.total()} labels are no random sample (people were shown flagged mentions, "
            f"or came across them), so figures over all labels say little about all mentions; those of the "
            f"{sampled['audit']} audit labels {'stand apart below' if sampled['audit'] else 'would'}.",
            err=True,
        )
    held = in_force(app.store.calibrations()).keys() & {one.mention.brand for one in labelled}
    if held:
        click.echo(
            f"warning: the calibration of {', '.join(sorted(held))} was fitted on such labels: what it gains here "
            "flatters it; `listener calibrate --dry-run` says what it gains on labels it has not seen.",
            err=True,
        )


def _tell(told: dict[str, Any], as_json: bool) -> None:
    from listener.cli.evaluation_table import lines

    if as_json:
        click.echo(json.dumps(told, ensure_ascii=False, indent=2))
    else:
        click.echo("\n".join(lines(told)))

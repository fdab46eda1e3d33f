"""`listener nps`: only the number, with what it rests on."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime, tzinfo
from typing import Any, Literal, NamedTuple

import click

from listener.cli.main import chosen, opened
from listener.cli.window import Window, window_options
from listener.coverage import SourceHealth, heard_share, source_health
from listener.measure import Measured, measure
from listener.nps.estimate import Evidence, Figures, Gate, figures
from listener.nps.population import Population, by_group
from listener.report import json as as_json
from listener.report import words
from listener.report.trend import LONGEST, weeks
from storage.records import stamp
from storage.records_nps import Ballots, Tally

By = Literal["source", "week", "language"]
_KEYS: dict[str, Callable[[Tally], str]] = {"source": lambda one: one.source, "language": lambda one: one.language}


Part = tuple[str, Figures, int]
"""Its name, its figures, how many eligible mentions it has."""


class Answer(NamedTuple):
    """One brand's figures over a window; `parts` are those of each group asked for."""

    brand: str
    since: datetime
    until: datetime
    zone: tzinfo
    measured: Measured
    sources: tuple[SourceHealth, ...]
    undated: int
    parts: tuple[Part, ...]


@click.command("nps")
@window_options
@click.option("--brand", "brands", multiple=True, metavar="NAME", help="Default: every brand; may be repeated.")
@click.option("--by", type=click.Choice(("source", "week", "language")), help="The same for each of these.")
@click.option("--json", "as_lines", is_flag=True, help="One JSON object a brand, one a line.")
@click.pass_context
def nps_command(ctx: click.Context, window: Window, brands: tuple[str, ...], by: By | None, as_lines: bool) -> int:
    """Print the implied NPS with its interval, or why there is no number."""
    with opened(ctx) as app:
        since, until = window.between(app.config.settings.zone, app.now())
        if by == "week" and until - since > LONGEST:
            raise click.UsageError(f"--by week: the window is longer than {LONGEST.days} days: choose a later --since.")
        names = chosen(app, brands)
        app.sync_watches()
        app.settle()
        answers = [_answer(app, name, since, until, by) for name in names]
    for answer in answers:
        click.echo(json.dumps(_as_dict(answer, by), ensure_ascii=False) if as_lines else "\n".join(_as_text(answer)))
    return 0


def _answer(app: Any, brand: str, since: datetime, until: datetime, by: By | None) -> Answer:
    settings = app.config.settings
    gate = Gate(**settings.report.model_dump())
    sources = source_health(app.store, since, until, app.unasked())
    measured = measure(app.store, brand, since, until, heard_share(sources), gate)
    parts: Iterable[Part] = ()
    if by == "week":
        told = weeks(app.store, brand, since, until, settings.zone, gate, app.unasked())
        parts = ((f"{one.since.astimezone(settings.zone):%Y-%m-%d}", one.figures, one.mentions) for one in told)
    elif by:
        ballots = app.store.ballots(brand, stamp(since), stamp(until), by)
        parts = _groups(measured.tallies, ballots, by, sources, gate)
    undated = app.store.undated(brand)
    return Answer(brand, since, until, settings.zone, measured, sources, undated, tuple(parts))


def _groups(
    tallies: Sequence[Tally], ballots: Sequence[Ballots], by: By, sources: Sequence[SourceHealth], gate: Gate
) -> Iterator[Part]:
    """By source, each answers for its own coverage."""
    for name, population in by_group(tallies, ballots, _KEYS[by]).items():
        own = sources if by == "language" else [source for source in sources if source.source == name]
        if population.eligible:
            yield name or "?", _alone(population, heard_share(own), gate), population.eligible


def _alone(population: Population, coverage: float | None, gate: Gate) -> Figures:
    """A part's figures: audits are drawn from the whole, and are too few of any part."""
    return figures(population, Evidence(), coverage, gate)


def _as_dict(answer: Answer, by: By | None) -> dict[str, Any]:
    told = as_json.head(answer) | as_json.numbers(answer.measured, answer.sources, answer.undated)
    if by:
        told["by"] = by
        told["parts"] = [
            {by: name, "mentions": mentions, "inps": as_json.figure(of.inps), "net": as_json.figure(of.net)}
            for name, of, mentions in answer.parts
        ]
    return told


def _as_text(answer: Answer) -> Iterator[str]:
    people, found = answer.measured.population, answer.measured.figures
    yield f"{answer.brand}: {words.window(answer)}"
    yield f"  implied NPS  {words.figure(found.inps)}"
    yield f"  NET          {words.figure(found.net)}"
    steps = ("pool", "eligible", "scored", "opinion", "authors")
    yield "  " + " → ".join(f"{getattr(people, step)} {step}" for step in steps)
    yield f"  {words.heard(answer.sources)}; {words.audits(answer.measured)}"
    width = max((len(name) for name, _, _ in answer.parts), default=0)
    for name, of, mentions in answer.parts:
        yield f"  {name:<{width}}  {mentions:>7} mentions  implied NPS {words.figure(of.inps)}"

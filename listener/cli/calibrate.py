"""`listener calibrate`: a brand's probabilities, fitted to what people said of its mentions."""

from __future__ import annotations

import json
from typing import Any

import click

from listener.calibrations import calibration, examples, fitted_on, in_force
from listener.cli.main import NOTHING_WORKED, opened, unknown
from listener.cli.progress import Progress
from listener.sentiment.calibration import to_json
from listener.sentiment.calibration_fit import LEAST, TooFew, fit
from listener.sentiment.contract import Scorer
from storage.records import stamp
from storage.records_scoring import Calibration

_APPLIES = "`listener rescore` applies it to what is stored; a running `listener run` takes it up when it is restarted."
_BIASED = (
    f"fewer than {LEAST} labels are audits: all were used, and people see flagged mentions more often than others."
)


@click.command("calibrate")
@click.option("--brand", default="", metavar="NAME", help="Default: every brand.")
@click.option("--dry-run", is_flag=True, help="Say what would be gained; store nothing.")
@click.option("--undo", is_flag=True, help="Take back the newest of --brand; the one before it holds again.")
@click.option("--list", "listing", is_flag=True, help="List the calibrations, the oldest first.")
@click.option("--json", "as_json", is_flag=True)
@click.pass_context
def calibrate_command(ctx: click.Context, brand: str, dry_run: bool, undo: bool, listing: bool, as_json: bool) -> int:
    """Fit the scorer's probabilities to the labels that people gave to a brand's mentions (50 at least).

    The fit is kept only if, in cross-validation, it predicts labels that it has not seen better than the scorer does
    by itself, by more than the standard error of the difference.
    """
    if undo + listing + dry_run > 1:
        raise click.UsageError("--undo, --list and --dry-run exclude each other.")
    if undo and not brand:
        raise click.UsageError("--undo takes back the calibration of one brand: add --brand NAME.")
    with opened(ctx) as app:
        if brand and brand not in app.config.queries:
            raise unknown("brand", brand, app.config.queries)
        if listing:
            return _list(app, brand, as_json)
        if undo:
            return _undo(app, brand, as_json)
        told = _fit_all(app, [brand] if brand else list(app.config.queries), dry_run)
    if as_json:
        click.echo(json.dumps(told, ensure_ascii=False, indent=2))
    else:
        for one in told:
            click.echo("\n".join(_sentences(one)))
    return 0 if any(one["labels"] for one in told) else NOTHING_WORKED


def _fit_all(app: Any, brands: list[str], dry_run: bool) -> list[dict[str, Any]]:
    scorer: Scorer = app.scorer_under(app.store.word_rules(), calibrated=False)
    told = []
    with Progress("calibrating", len(brands)) as progress:
        for brand in brands:
            told.append(_fit(app, scorer, brand, dry_run))
            progress.step(brand)
    return told


def _fit(app: Any, scorer: Scorer, brand: str, dry_run: bool) -> dict[str, Any]:
    """What came of it, as --json prints it; `labels` is 0 when they were too few."""
    held = in_force(app.store.calibrations()).get(brand)
    told = {"brand": brand, "scorer": scorer.id_for(brand), "held": _in_short(held), "stored": False}
    try:
        found = fit(examples(app.store.labelled(brand), scorer))
    except TooFew as error:
        return told | {"labels": 0, "used": False, "reason": str(error)}
    made = calibration(brand, scorer.id_for(brand), found, app.now())
    same = held is not None and held.parameters == made.parameters and fitted_on(held, made.scorer)
    if found.used and not same and not dry_run:
        app.store.add_calibration(made)
        told["stored"] = True
    return told | {
        **found._asdict(),
        "parameters": json.loads(to_json(found.parameters)),
        "used": found.used,
        "same": same,
    }


def _sentences(told: dict[str, Any]) -> list[str]:
    brand, held = told["brand"], told["held"]
    stays = f" The calibration of {held['fitted_at'][:10]} stays in force." if held else ""
    if not told["labels"]:
        return [f"{brand}: {told['reason']}.{stays}"]
    lines = [
        f"{brand}: {told['labels']} labels{' of audits' if told['random'] else ''}, scorer {told['scorer']}",
        f"  log-loss   {told['loss_before']:.3f} -> {told['loss_after']:.3f} on labels it has not seen "
        f"(gain {told['gain']:+.3f}, standard error {told['error']:.3f})",
        f"  net score  {told['net_before']:+.1f} -> {told['net_after']:+.1f}, by the labels {told['net_true']:+.1f}",
    ]
    if not told["random"]:
        lines.append(f"  warning: {_BIASED}")
    return [*lines, f"  {_outcome(told, stays)}"]


def _outcome(told: dict[str, Any], stays: str) -> str:
    if told["stored"]:
        return f"used from now on. {_APPLIES}"
    if told["same"]:
        return "in force already."
    if told["used"]:
        return "would be used; nothing is stored."
    return f"not used: {told['reason']}.{stays}"


def _in_short(held: Calibration | None) -> dict[str, Any] | None:
    return None if held is None else {"fitted_at": held.fitted_at, "labels": held.labels, "scorer": held.scorer}


def _undo(app: Any, brand: str, as_json: bool) -> int:
    undone = app.store.undo_calibration(brand, stamp(app.now()))
    held = in_force(app.store.calibrations()).get(brand)
    if as_json:
        click.echo(
            json.dumps({"brand": brand, "undone": undone, "held": _in_short(held)}, ensure_ascii=False, indent=2)
        )
    elif undone:
        now = f"the one of {held.fitted_at[:10]} holds again" if held else "the scorer's own probabilities hold again"
        click.echo(f"{brand}: undone; {now}. `listener rescore` applies it to what is stored.")
    else:
        click.echo(f"{brand}: there is no calibration to undo.", err=True)
    return 0 if undone else NOTHING_WORKED


def _list(app: Any, brand: str, as_json: bool) -> int:
    stored: list[Calibration] = [one for one in app.store.calibrations() if brand in ("", one.brand)]
    holding = set(in_force(stored).values())
    scorer = app.scorer_under([], calibrated=False).id
    rows = [(one, _state(one, one in holding, scorer)) for one in stored]
    if as_json:
        told = [one._asdict() | {"parameters": json.loads(one.parameters), "state": state} for one, state in rows]
        click.echo(json.dumps(told, ensure_ascii=False, indent=2))
        return 0
    for one, state in rows:
        click.echo(f"{one.fitted_at[:16]}  {one.brand}: {one.labels} labels, {one.scorer}, {state}")
    if not rows:
        click.echo("no calibrations.")
    return 0


def _state(one: Calibration, holding: bool, scorer: str) -> str:
    if one.undone_at is not None:
        return f"undone {one.undone_at[:10]}"
    if not holding:
        return "overruled by a newer one"
    return "in force" if fitted_on(one, scorer) else "not used: it was fitted on another scorer"

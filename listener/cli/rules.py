"""`listener rules`: what a word weighs for a brand; seen on stored history first, undone at any time."""

from __future__ import annotations

import getpass
import json
from collections.abc import Callable
from typing import Any

import click

from listener.cli.main import opened, unknown
from listener.cli.progress import Progress
from listener.cli.relabelled import Tally
from listener.quantities import parse_when
from listener.word_rules import effects, in_force, word_rule
from storage.records import stamp
from storage.records_scoring import WordRule

_WEIGHTS = {"positive": 2.0, "negative": -2.0, "neutral": 0.0}
"""As much as an ordinary word of praise or blame weighs: it decides texts that are near to an opinion, not those whose
other words are plainly factual; for these there is --weight."""

_STEP = 500
_APPLIES = "`listener rescore` applies it to what is stored; a running `listener run` takes it up when it is restarted."


def _rule_options(command: Callable[..., Any]) -> Callable[..., Any]:
    word = click.argument("word")
    meant = click.option("--as", "meant", type=click.Choice(list(_WEIGHTS)), help="What the word says; 2, -2 or 0.")
    weight = click.option("--weight", type=click.FloatRange(-4, 4), help="Its weight in place of --as.")
    brand = click.option("--brand", default="", metavar="NAME", help="Default: all brands.")
    return word(meant(weight(brand(command))))


@click.group("rules")
def rules_command() -> None:
    """What words weigh: rules for one brand or for all."""


@rules_command.command("list")
@click.option("--all", "everything", is_flag=True, help="Those that were undone, too.")
@click.option("--json", "as_json", is_flag=True)
@click.pass_context
def list_command(ctx: click.Context, everything: bool, as_json: bool) -> int:
    """List the rules, the oldest first."""
    with opened(ctx) as app:
        rules: list[WordRule] = app.store.word_rules()
    holding = set(in_force(rules))
    shown = [rule for rule in rules if everything or rule.undone_at is None]
    if as_json:
        told = [rule._asdict() | {"state": _state(rule, rule in holding)} for rule in shown]
        click.echo(json.dumps(told, ensure_ascii=False, indent=2))
        return 0
    for rule in shown:
        said = f"{rule.id}  {_sentence(rule)}, since {rule.added_at[:10]} by {rule.added_by}"
        click.echo(said if rule in holding else f"{said} ({_state(rule, False)})")
    if not shown:
        click.echo("no rules.")
    return 0


@rules_command.command("add")
@_rule_options
@click.pass_context
def add_command(ctx: click.Context, word: str, meant: str | None, weight: float | None, brand: str) -> int:
    """Let WORD weigh something else in texts about a brand, for instance: rules add killer --as neutral --brand Acme"""
    with opened(ctx) as app:
        rule = _new_rule(app, word, meant, weight, brand)
        for there in in_force(app.store.word_rules()):
            if (there.brand, there.word, there.valence) == (rule.brand, rule.word, rule.valence):
                click.echo(f"{there.id}  {_sentence(there)} already, since {there.added_at[:10]}: nothing to do.")
                return 0
        app.store.add_word_rule(rule)
    click.echo(f"{rule.id}  {_sentence(rule)} from now on.\n{_APPLIES}")
    return 0


@rules_command.command("preview")
@_rule_options
@click.option("--since", default="90d", show_default=True, metavar="WHEN", help="A date, a time, or 90d, 12h ago.")
@click.option("--json", "as_json", is_flag=True)
@click.pass_context
def preview_command(
    ctx: click.Context, word: str, meant: str | None, weight: float | None, brand: str, since: str, as_json: bool
) -> int:
    """Show which stored mentions would get another label by such a rule; nothing is stored."""
    with opened(ctx) as app:
        rule = _new_rule(app, word, meant, weight, brand)
        tally = _previewed(app, rule, _since(app, since))
    if as_json:
        told = {"word": rule.word, "valence": rule.valence, "brand": rule.brand, "looked": tally.looked}
        click.echo(json.dumps(told | tally.as_json(), ensure_ascii=False, indent=2))
        return 0
    click.echo(f"if {_sentence(rule)}: {tally.relabelled:,} of {tally.looked:,} mentions would get another label.")
    for line in (*tally.table(), *tally.shown(rule.word)):
        click.echo(line)
    return 0


@rules_command.command("undo")
@click.argument("rule_id", metavar="ID")
@click.pass_context
def undo_command(ctx: click.Context, rule_id: str) -> int:
    """Undo the rule ID (from `rules list`); it stays on record."""
    with opened(ctx) as app:
        rules = {rule.id: rule for rule in app.store.word_rules()}
        if rule_id not in rules:
            raise click.UsageError(f"there is no rule '{rule_id}'; `listener rules list` shows them.")
        if not app.store.undo_word_rule(rule_id, stamp(app.now())):
            click.echo(f"{rule_id} was undone before: nothing to do.")
            return 0
    click.echo(f"{rule_id} is undone: {_sentence(rules[rule_id])} no more.\n{_APPLIES}")
    return 0


def _new_rule(app: Any, word: str, meant: str | None, weight: float | None, brand: str) -> WordRule:
    if (meant is None) == (weight is None):
        raise click.UsageError("say what the word weighs: either --as positive, negative or neutral, or --weight.")
    if brand and brand not in app.config.queries:
        raise unknown("brand", brand, app.config.queries)
    try:
        return word_rule(brand, word, _WEIGHTS[meant] if meant else weight or 0.0, _somebody(), app.now())
    except ValueError as error:
        raise click.UsageError(f"{error}.") from None


def _previewed(app: Any, rule: WordRule, since: str) -> Tally:
    rules = app.store.word_rules()
    today, then = app.scorer_under(rules), app.scorer_under([*rules, rule])
    brands = [rule.brand] if rule.brand else list(app.config.queries)
    tally = Tally()
    with Progress("scoring", sum(app.store.count_stale(brand, "") for brand in brands)) as progress:
        for brand in brands:
            for step in effects(app.store, today, then, rule, brand, since, _STEP):
                tally.add(step)
                progress.step(steps=_STEP)
    return tally


def _since(app: Any, since: str) -> str:
    try:
        return stamp(parse_when(since, app.config.settings.zone, app.now()))
    except ValueError as error:
        raise click.UsageError(f"--since: {error}.") from None


def _sentence(rule: WordRule) -> str:
    means = "says nothing" if rule.valence == 0 else f"weighs {rule.valence:+g}"
    return f"'{rule.word}' {means} for {rule.brand or 'all brands'}"


def _state(rule: WordRule, holds: bool) -> str:
    if rule.undone_at is not None:
        return f"undone {rule.undone_at[:10]}"
    return "holds" if holds else "overruled by a newer one"


def _somebody() -> str:
    """Whose shell this is; a container may have no name for it."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "somebody"

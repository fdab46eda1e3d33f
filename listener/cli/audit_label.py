"""`listener audit label`: one label, or one after another."""

from __future__ import annotations

import getpass
import sys
from typing import Any

import click

from listener.audit_files import label_of
from listener.audits import ANSWERS, EVERY, Answer, holding, newest_draws, news, once, refusal
from listener.cli.main import NOTHING_WORKED, opened, unknown
from listener.intake import readable
from storage.records import stamp
from storage.records_nps import Drawn

_KEYS = {"p": "promoter", "s": "passive", "d": "detractor", "n": "no_opinion", "x": "not_us"}
_SKIP, _QUIT = "k", "q"
_ASKED = "[p]romoter  pa[s]sive  [d]etractor  [n]o opinion  [x] not us   s[k]ip  [q]uit: "
_READ = 3000
"""Characters of a post that are shown: what is longer fits no screen, and its address stands beside it."""

_SHOWN = 10


@click.command("label", epilog=f"Labels: {', '.join(ANSWERS)} (it does not speak of the brand).")
@click.argument("mention", required=False)
@click.argument("label", required=False)
@click.option("--brand", default="", metavar="NAME", help="Ask only about this brand's.")
@click.option("--reviewer", default="", metavar="NAME", help="Whose label it is. Default: yours.")
@click.option("--undo", is_flag=True, help="Take back the label of MENTION; the one before it holds again.")
@click.pass_context
def label_command(
    ctx: click.Context, mention: str | None, label: str | None, brand: str, reviewer: str, undo: bool
) -> int:
    """Say what a drawn MENTION is (its id or the beginning of it); without arguments, be asked about each that waits.

    The label is about the brand: is the author for it, against it, neither? Read the post, not your own mind.
    """
    if undo and (mention is None or label is not None):
        raise click.UsageError("--undo takes back the label of one mention: give its id and no label.")
    if mention is not None and label is None and not undo:
        raise click.UsageError(f"say what it is: {', '.join(ANSWERS)}.")
    with opened(ctx) as app:
        if brand and brand not in app.config.queries:
            raise unknown("brand", brand, app.config.queries)
        if mention is None:
            return _ask_all(app, brand, reviewer or somebody())
        its_id = _meant(app, mention)
        return _undo(app, its_id) if undo else _label(app, its_id, label or "", reviewer or somebody())


def somebody() -> str:
    """Whose shell this is; a container may have no name for it."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "somebody"


# -- one


def _label(app: Any, mention_id: str, label: str, reviewer: str) -> int:
    try:
        meant = label_of(label)
    except ValueError:
        raise click.UsageError(f"there is no label '{label}'; there are: {', '.join(ANSWERS)}.") from None
    if _store(app, Answer(mention_id, meant, reviewer)):
        click.echo(f"{mention_id} is {meant}, says {reviewer}.")
    else:
        click.echo(f"{mention_id} is {meant} already: nothing to do.")
    return 0


def _undo(app: Any, mention_id: str) -> int:
    review = holding(app.store, mention_id)
    if review is None or not app.store.undo_review(review.id, stamp(app.now())):
        click.echo(f"{mention_id} has no label to take back.", err=True)
        return NOTHING_WORKED
    before = holding(app.store, mention_id)
    now = f"{before.label}, said by {before.reviewer}, holds again" if before else "it waits for a label again"
    click.echo(f"{mention_id} is no longer {review.label}; {now}.")
    return 0


def _store(app: Any, answer: Answer) -> bool:
    """False when that holds already."""
    reviews = news(app.store, [answer], newest_draws(app.store, [answer.mention_id]), app.now(), insist=True)
    app.store.add_reviews(reviews)
    return bool(reviews)


def _meant(app: Any, beginning: str) -> str:
    """The id of the drawn mention that begins like this."""
    if newest_draws(app.store, [beginning]):
        return beginning
    every = once(app.store.drawn(waiting=False, limit=EVERY))
    found = [one.mention.id for one in every if one.mention.id.startswith(beginning)]
    if not found:
        raise click.UsageError(f"{refusal(app.store, beginning)}; `listener audit list` shows what waits.")
    if len(found) > 1:
        some = ", ".join(found[:_SHOWN]) + (", …" if len(found) > _SHOWN else "")
        raise click.UsageError(f"{len(found)} drawn mentions begin with '{beginning}': {some}.")
    return str(found[0])


# -- one after another


def _ask_all(app: Any, brand: str, reviewer: str) -> int:
    if not sys.stdin.isatty():
        raise click.UsageError("name a MENTION and a label: questions need a terminal; elsewhere export and import.")
    waiting = once(app.store.drawn(brand, limit=EVERY))
    if not waiting:
        click.echo("nothing waits for a label.")
        return 0
    labelled = skipped = 0
    for number, drawn in enumerate(waiting, 1):
        click.echo(_shown(drawn, number, len(waiting)))
        key = _asked()
        if key == _QUIT:
            break
        if key == _SKIP:
            skipped += 1
            continue
        labelled += _store(app, Answer(drawn.mention.id, _KEYS[key], reviewer))
    click.echo(f"{labelled:,} labelled, {skipped:,} skipped; {len(waiting) - labelled:,} left.")
    return 0


def _shown(drawn: Drawn, number: int, total: int) -> str:
    post = drawn.post
    text = readable(post)
    body = text if len(text) <= _READ else f"{text[:_READ]}…"
    day = (post.at or post.first_seen_at)[:10]
    head = f"\n{number} of {total}: {drawn.mention.brand}, {day} {post.source}  {post.url}".rstrip()
    return "\n".join((head, drawn.mention.id, "", *(f"    {line}" for line in body.splitlines()), ""))


def _asked() -> str:
    """One of _KEYS, _SKIP or _QUIT, which is also what the end of the input means."""
    click.echo(_ASKED, nl=False)
    while True:
        try:
            key = click.getchar()[:1].lower()  # keys pressed at once are one answer, not several
        except EOFError:
            key = _QUIT
        if key in _KEYS or key in (_SKIP, _QUIT):
            click.echo(_KEYS.get(key, {_SKIP: "skipped", _QUIT: "enough"}.get(key)))
            return key

"""`listener brands`: what is looked for, why a text matches, what a query would find."""

from __future__ import annotations

import json
import sys
from typing import Any

import click

from listener.cli.main import opened, unknown
from listener.intake import subject_of
from listener.match import Matcher, Query, QueryError, Subject, lint, parse, search_terms

_PAGE = 1000


@click.group("brands")
def brands_command() -> None:
    """Brands and their queries."""


@brands_command.command("list")
@click.option("--json", "as_json", is_flag=True)
@click.pass_context
def list_command(ctx: click.Context, as_json: bool) -> int:
    """List the brands, what is asked of search sources for them, and advice on their queries."""
    with opened(ctx, advise=True) as app:
        rows = [
            {"brand": n, "query": str(q), "search_terms": list(search_terms(q)), "advice": lint(n, q)}
            for n, q in app.config.queries.items()
        ]
    if as_json:
        click.echo(json.dumps(rows, ensure_ascii=False, indent=2))
        return 0
    for row in rows:
        click.echo(f"{row['brand']}: {row['query']}")
        click.echo(f"  asked of search sources: {', '.join(row['search_terms']) or 'nothing'}")
    return 0


@brands_command.command("explain")
@click.argument("text")
@click.option("--title", default="", help="A title beside the text.")
@click.option("--url", default="")
@click.option("--author", default="")
@click.option("--lang", default="")
@click.pass_context
def explain_command(ctx: click.Context, text: str, title: str, url: str, author: str, lang: str) -> int:
    """Show for each brand why TEXT ("-" reads stdin) is a mention of it, or is not."""
    subject = Subject(sys.stdin.read() if text == "-" else text, title, url, author, lang)
    with opened(ctx) as app:
        for explanation in app.matcher.explain(subject):
            click.echo(str(explanation))
    return 0


@brands_command.command("try")
@click.argument("name")
@click.option("--query", help="Try this query in place of the configured one.")
@click.option(
    "--show",
    type=click.IntRange(0, 1000),
    default=10,
    show_default=True,
    help="How many matching posts to show, newest first.",
)
@click.pass_context
def try_command(ctx: click.Context, name: str, query: str | None, show: int) -> int:
    """Dry-run a brand's query on all stored posts; nothing is changed."""
    with opened(ctx) as app:
        tried = _query(app, name, query)
        matcher = Matcher({name: tried})
        seen, matched = 0, []
        for post in _stored(app):
            seen += 1
            if matcher.match(subject_of(post)):
                matched.append(post)
    for advice in lint(name, tried):
        click.echo(f"advice: {advice}", err=True)
    click.echo(f"{name}: {tried}\n{len(matched)} of {seen} stored posts match.")
    for post in matched[:show]:
        click.echo(
            f"  {(post.at or post.first_seen_at)[:10]} {post.source}: {(post.title or post.text)[:80]}  {post.url}"
        )
    return 0


def _query(app: Any, name: str, query: str | None) -> Query:
    if query is None and name not in app.config.queries:
        raise unknown("brand", name, app.config.queries)
    try:
        found: Query = app.config.queries[name] if query is None else parse(query)
    except QueryError as error:
        raise click.UsageError(f"--query: {error}") from error
    return found


def _stored(app: Any) -> Any:
    before: int | None = None
    while page := app.store.posts(_PAGE, before):
        before = page[-1][0]
        yield from (post for _, post in page)

"""`listener migrate`: from one database to another, with all that is remembered."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from datetime import datetime
from typing import Any, NamedTuple

import click

from listener.cli.main import NOTHING_WORKED, counted, opened
from listener.cli.progress import Progress
from listener.databases import beside, is_postgres
from storage import transfer, transfer_sqlite
from storage.contract import Store
from storage.records import stamp

_MANY = 20_000
"""Rows from which on a database makes way for them."""

_INDEXED = 5_000
"""Posts that are made searchable in one transaction."""


class _Both(NamedTuple):
    source: Store
    target: Store


@click.command("migrate")
@click.option("--from", "old", metavar="URL", help="Default: storage.url of the configuration.")
@click.option("--to", "new", metavar="URL", required=True, help="postgresql://… or sqlite:///…, empty; or env:NAME.")
@click.option("--verify", is_flag=True, help="Copy nothing: only compare what both hold.")
@click.option("--json", "as_json", is_flag=True)
@click.pass_context
def migrate_command(ctx: click.Context, old: str | None, new: str, verify: bool, as_json: bool) -> int:
    """Copy everything from one database into another, and compare it, value by value.

    Stop `listener run`, `listener serve` and cron first: what is written meanwhile is found as a difference. May be
    stopped at any time; the same command goes on where it was, and until it has ended nothing else works on the new
    database. The old one is brought to this version of Listener, as by every command, and otherwise only read.
    """
    with opened(ctx) as app:
        addresses = _address(old or app.config.settings.storage.url), _address(new)
        try:
            with _opened(app, *addresses, verify) as both:
                copied = 0 if verify else _copied(both, app.now)
                wrong = _compared(both)
                if not wrong and not verify:
                    transfer.end(both.source.side, both.target.side, stamp(app.now()))
        except transfer.Foreign as error:
            raise click.UsageError(str(error)) from None
        except KeyboardInterrupt:
            click.echo("stopped." if verify else "stopped. The same command goes on where it was.", err=True)
            return 130
    if as_json:
        told = {"from": both.source.place, "to": both.target.place, "copied": copied, "differences": wrong}
        click.echo(json.dumps(told, ensure_ascii=False))
    else:
        _tell(both, copied, wrong, verify, new)
    return NOTHING_WORKED if wrong else 0


def _address(url: str) -> str:
    """`env:NAME` keeps a password out of the list of processes."""
    if not url.startswith("env:"):
        return url
    name = url.removeprefix("env:")
    if name not in os.environ:
        raise click.UsageError(f"the environment has no {name}.")
    return os.environ[name]


@contextmanager
def _opened(app: Any, old: str, new: str, verify: bool) -> Iterator[_Both]:
    """Both for us alone and with the tables of this version. Raises Foreign before anything is written, and StoreError
    for a source that is itself only half copied."""
    with ExitStack() as stack:
        source = stack.enter_context(closing(_existing(app, old)))
        mine = stack.enter_context(source.claim("transfer"))
        target = stack.enter_context(closing(_existing(app, new) if verify else app.database(new)))
        if not (mine and stack.enter_context(target.claim("transfer"))):
            raise transfer.Foreign(
                f"{source.place} and {target.place} are the same database, or another `listener migrate` is at work on "
                "one of them."
            )
        if not verify:
            transfer.check_empty(target.side)
        source.migrate()
        if not verify:
            transfer.check_whole(source.side)
        target.migrate()
        yield _Both(source, target)


def _existing(app: Any, url: str) -> Store:
    """Opened, and Listener's. Raises Foreign without making one, or changing another program's."""
    file = beside(url, app.config.path)
    if not is_postgres(url) and not file.is_file():
        raise transfer.Foreign(f"there is no database {file}.")
    if not is_postgres(url) and not transfer_sqlite.may_be_ours(file):
        raise transfer.Foreign(_strange(file))
    store: Store = app.database(url)
    if not transfer.is_ours(store.side):
        store.close()
        raise transfer.Foreign(_strange(store.place))
    return store


def _strange(place: object) -> str:
    return f"{place} is no database of Listener: it has none of its tables."


def _copied(both: _Both, now: Callable[[], datetime]) -> int:
    source, target = both.source.side, both.target.side
    transfer.begin(source, target, stamp(now()))
    copied, began, left = 0, now(), transfer.left(source, target)
    if left > _MANY:
        both.target.make_way()
    with Progress("copying", left) as progress:
        for slice_ in transfer.copy(source, target):
            copied += slice_.rows
            rate = copied / max((now() - began).total_seconds(), 0.001)
            progress.step(f"copying {slice_.table}, {rate:,.0f} rows/s", slice_.rows)
    with Progress("making posts searchable", both.target.counts()["posts"]) as progress:
        while indexed := both.target.index_posts(_INDEXED):
            progress.step(steps=indexed)
    if left > _MANY and sys.stderr.isatty():
        click.echo("making indexes: about a minute for each million rows", err=True)
    both.target.settle_in()
    return copied


def _compared(both: _Both) -> list[str]:
    source, target = both.source.side, both.target.side
    with Progress("comparing", transfer.rows(source) + transfer.rows(target)) as progress:
        return transfer.differences(source, target, lambda rows: progress.step(steps=rows))


def _tell(both: _Both, copied: int, wrong: list[str], verify: bool, new: str) -> None:
    source, target = (store.place for store in both)
    if wrong:
        click.echo(f"{source} and {target} differ in {counted(len(wrong), 'table')}:", err=True)
        for sentence in wrong:
            click.echo(f"  {sentence}", err=True)
        click.echo("Was something still writing? Stop it, empty the new database, and copy again.", err=True)
    elif verify:
        click.echo(f"{source} and {target} hold the same.")
    else:
        address = f"{target} (with user and password)" if is_postgres(new) else new
        click.echo(f"{counted(copied, 'row')} copied, and every value compared: both hold the same.")
        click.echo(f'Now set storage.url = "{address}" and start Listener again.')

"""`listener init` and `listener check`: from nothing to a configuration that is known to be sound."""

from __future__ import annotations

import os
from importlib.resources import files
from pathlib import Path

import click

from listener.app import config_path
from listener.cli.main import opened


@click.command("init")
@click.pass_context
def init_command(ctx: click.Context) -> int:
    """Write a configuration to start from; never over an existing one."""
    path = config_path(ctx.find_root().obj, os.environ)
    try:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
            file.write(example())
    except FileExistsError:
        raise click.UsageError(f"{path} is there already; move it away, or name another file with --config.") from None
    except OSError as error:
        raise click.UsageError(f"{path} cannot be written: {error.strerror}.") from None
    click.echo(f"{path} is written. Put your brand into it, then: listener check; listener pull; listener report")
    return 0


@click.command("check")
@click.pass_context
def check_command(ctx: click.Context) -> int:
    """Read the configuration and open the database; say all that is wrong. Asks no source."""
    with opened(ctx, advise=True) as app:
        watches = app.sync_watches()
        counts = app.store.counts()
        click.echo(f"configuration  {app.config.path}: sound")
        click.echo(f"database       {app.store.place}: {', '.join(f'{n} {what}' for what, n in counts.items())}")
        click.echo(f"brands         {', '.join(app.config.queries) or 'none: add [[brands]]'}")
        click.echo(f"watches        {len(watches)} of {len(app.config.sources)} sources")
        click.echo(f"channels       {', '.join(app.config.channels) or 'none: alerts are not sent'}")
    return 0


def example() -> str:
    """config.example.toml: package data in a wheel, beside the packages in an editable install."""
    packaged = files("listener") / "config.example.toml"
    beside = Path(__file__).parents[2] / "config.example.toml"
    return (packaged if packaged.is_file() else beside).read_text(encoding="utf-8")

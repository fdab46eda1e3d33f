"""The `listener` command: finds the configuration, turns every expected trouble into one sentence and an exit code."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from difflib import get_close_matches
from importlib import import_module
from typing import Any, NoReturn

import click
from click.exceptions import NoSuchCommand

from listener.cli.logs import log_to_stderr, one_line
from listener.config import ConfigError, load
from storage.errors import StoreBusy, StoreError, StoreFull

NOTHING_WORKED, USAGE, PARTLY = 1, 2, 3

_COMMANDS = {
    "init": "setup",
    "check": "setup",
    "demo": "demo",
    "pull": "pull",
    "run": "run",
    "worker": "worker",
    "serve": "serve",
    "sweep": "sweep",
    "import": "archive",
    "score": "score",
    "evaluate": "evaluate",
    "calibrate": "calibrate",
    "rescore": "rescore",
    "rules": "rules",
    "nps": "nps",
    "report": "report",
    "audit": "audit",
    "authors": "authors",
    "advocates": "advocates",
    "questions": "questions",
    "sources": "sources",
    "status": "status",
    "brands": "brands",
    "alerts": "alerts",
    "users": "users",
    "migrate": "migrate",
}
"""Command → the module beside this one that holds it, imported when asked for, so that `--help` is quick."""


class _Lazy(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            raise NoSuchCommand(cmd_name, possibilities=get_close_matches(cmd_name, _COMMANDS, n=1), ctx=ctx)
        module = import_module(f"listener.cli.{_COMMANDS[cmd_name]}")
        command: click.Command = getattr(module, f"{cmd_name}_command")
        return command


@click.command(cls=_Lazy, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--config", "-c", metavar="FILE", help="Default: $LISTENER_CONFIG, then ./listener.toml.")
@click.option("--verbose", "-v", count=True, help="Say more on stderr; twice: debug.")
@click.version_option(package_name="brand-listener")
@click.pass_context
def cli(ctx: click.Context, config: str | None, verbose: int) -> None:
    """Listen to what the public says of your brand; never mistake silence for calm."""
    ctx.obj = config
    level = (logging.WARNING, logging.INFO, logging.DEBUG)[min(verbose, 2)]
    log_to_stderr(level)
    logging.getLogger("apscheduler").setLevel(max(level, logging.INFO if verbose > 1 else logging.ERROR))


def unknown(what: str, name: str, known: Collection[str]) -> click.UsageError:
    """For a name on the command line that the configuration does not have."""
    return click.UsageError(f"there is no {what} '{name}'; there are: {', '.join(known) or 'none'}.")


def chosen(app: Any, brands: tuple[str, ...]) -> tuple[str, ...]:
    """The brands named on the command line, or all."""
    if not app.config.queries:
        raise click.UsageError("no brand is configured: add [[brands]].")
    for name in brands:
        if name not in app.config.queries:
            raise unknown("brand", name, app.config.queries)
    return tuple(dict.fromkeys(brands)) or tuple(app.config.queries)


@contextmanager
def opened(ctx: click.Context, *, advise: bool = False) -> Iterator[Any]:
    """The App of the configuration that the command line names; closed at the end. `advise` says on stderr what is no
    mistake but might be better: for commands a person looks at, not for cron."""
    from listener.app import App, config_path

    config = load(config_path(ctx.find_root().obj, os.environ), os.environ)
    for warning in config.warnings if advise else ():
        click.echo(f"warning: {warning}", err=True)
    app = App(config)
    try:
        yield app
    finally:
        app.close()


def main() -> NoReturn:
    sys.exit(_run())


def _run() -> int:
    try:
        return int(cli.main(standalone_mode=False) or 0)
    except click.exceptions.Exit as request:
        return request.exit_code
    except click.ClickException as error:
        error.show()
        return USAGE
    except (KeyboardInterrupt, click.Abort):
        click.echo("stopped.", err=True)
        return 130
    except ConfigError as error:
        click.echo(f"listener: {error}", err=True)
        return USAGE
    except StoreError as error:
        click.echo(f"listener: {error}", err=True)
        return NOTHING_WORKED if isinstance(error, StoreFull | StoreBusy) else USAGE
    except Exception as error:
        logging.getLogger(__name__).debug("what went wrong", exc_info=True)
        click.echo(
            f"listener: this is a mistake in Listener, not yours ({type(error).__name__}: {one_line(str(error))}); "
            "run it again with -vv and report what it prints.",
            err=True,
        )
        return NOTHING_WORKED


def counted(number: int, what: str) -> str:
    """'1 alert', '2 alerts'."""
    return f"{number:,} {what}{'' if number == 1 else 's'}"

"""`listener users`: who may come to the review desk, and as what."""

from __future__ import annotations

import json
import re
import sys
from typing import Any, cast

import click

from listener.cli.main import opened
from storage.records import stamp
from storage.records_desk import ROLES, Role, User

_NAME = re.compile(r"\w[\w.@+-]{0,63}")
_LINE = "{:<24} {:<9} {:<11} {}"


@click.group("users")
def users_command() -> None:
    """Accounts of the review desk."""


@users_command.command("add")
@click.argument("name")
@click.option("--role", type=click.Choice(ROLES), required=True)
@click.option("--password-stdin", is_flag=True, help="Read the password from standard input.")
@click.option("--proxy-only", is_flag=True, help="No password: a reverse proxy vouches for them.")
@click.pass_context
def add_command(ctx: click.Context, name: str, role: str, password_stdin: bool, proxy_only: bool) -> int:
    """Add an account; a viewer looks, a reviewer works on mentions, an admin manages accounts too."""
    if not _NAME.fullmatch(name):
        raise click.UsageError(f"{name!r} is no name: letters, digits and . _ @ + -, at most 64.")
    with opened(ctx) as app:
        taken = click.UsageError(f"there is an account '{name}' already; `listener users passwd` sets its password.")
        if app.store.user(name) is not None:
            raise taken
        password = "" if proxy_only else _hashed(password_stdin)
        if not app.store.add_user(User(name, cast(Role, role), password, stamp(app.now()))):
            raise taken
    click.echo(f"{name} may come in as {role}.")
    return 0


@users_command.command("list")
@click.option("--json", "as_json", is_flag=True)
@click.pass_context
def list_command(ctx: click.Context, as_json: bool) -> int:
    """List the accounts."""
    with opened(ctx) as app:
        users = app.store.users()
    if as_json:
        told = [user._asdict() | {"password": bool(user.password)} for user in users]
        click.echo(json.dumps(told, ensure_ascii=False, indent=2))
        return 0
    if not users:
        click.echo("there is no account; add one with: listener users add NAME --role admin")
    for user in users:
        how = "by password" if user.password else "by proxy only"
        click.echo(_LINE.format(user.name, user.role, user.added_at[:10], "disabled" if user.disabled_at else how))
    return 0


@users_command.command("set-role")
@click.argument("name")
@click.argument("role", type=click.Choice(ROLES))
@click.pass_context
def set_role_command(ctx: click.Context, name: str, role: str) -> int:
    """Make NAME a viewer, reviewer or admin, from their next click on."""
    with opened(ctx) as app:
        user = _known(app, name)
        app.store.set_user(user._replace(role=cast(Role, role)))
    click.echo(f"{user.name} is {role} now.")
    return 0


@users_command.command("disable")
@click.argument("name")
@click.pass_context
def disable_command(ctx: click.Context, name: str) -> int:
    """Let NAME in no more, and end their sessions; what they did stays."""
    with opened(ctx) as app:
        user = _known(app, name)
        app.store.set_user(user._replace(disabled_at=user.disabled_at or stamp(app.now())))
        app.store.end_sessions(user=user.name)
    click.echo(f"{user.name} may not come in any more.")
    return 0


@users_command.command("enable")
@click.argument("name")
@click.pass_context
def enable_command(ctx: click.Context, name: str) -> int:
    """Let NAME in again."""
    with opened(ctx) as app:
        user = _known(app, name)
        app.store.set_user(user._replace(disabled_at=None))
    click.echo(f"{user.name} may come in as {user.role}.")
    return 0


@users_command.command("passwd")
@click.argument("name")
@click.option("--password-stdin", is_flag=True, help="Read the password from standard input.")
@click.pass_context
def passwd_command(ctx: click.Context, name: str, password_stdin: bool) -> int:
    """Set NAME's password, and end their sessions."""
    with opened(ctx) as app:
        user = _known(app, name)
        app.store.set_user(user._replace(password=_hashed(password_stdin)))
        app.store.end_sessions(user=user.name)
    click.echo(f"{user.name} has a new password; whoever was logged in as {user.name} is logged out.")
    return 0


@users_command.group("sessions")
def sessions_command() -> None:
    """Who is logged in."""


@sessions_command.command("end")
@click.argument("name")
@click.pass_context
def end_command(ctx: click.Context, name: str) -> int:
    """Log NAME out everywhere."""
    with opened(ctx) as app:
        user = _known(app, name)
        ended = app.store.end_sessions(user=user.name)
    click.echo(f"{user.name}: {ended} {'session' if ended == 1 else 'sessions'} ended.")
    return 0


def _known(app: Any, name: str) -> User:
    user: User | None = app.store.user(name)
    if user is None:
        raise click.UsageError(f"there is no account '{name}'; `listener users list` shows those there are.")
    return user


def _hashed(from_stdin: bool) -> str:
    from listener.desk.access import LONGEST, SHORTEST, hashed

    if from_stdin:
        password = sys.stdin.readline().rstrip("\r\n")
    elif sys.stdin.isatty():
        password = click.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
    else:
        raise click.UsageError("this is no terminal to ask for a password: give it with --password-stdin.")
    if not SHORTEST <= len(password) <= LONGEST:
        raise click.UsageError(f"a password has {SHORTEST} to {LONGEST} characters.")
    return hashed(password)

"""`listener users`: who may come to the review desk, and as what."""

from __future__ import annotations

import json
import re
import sys
from typing import Any, cast

import click

from connectors.text import clean
from listener.cli.main import opened
from storage.records import stamp
from storage.records_desk import ROLES, Role, User
from storage.records_tokens import Token

_NAME = re.compile(r"\w[\w.@+-]{0,63}")
_LINE = "{:<24} {:<9} {:<11} {}"
_TOKEN_LINE = "{:<12} {:<24} {:<11} {:<20} {}"
_SHOWN = 12
_LONGEST_ABOUT = 200


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
        tokens = sum(token.revoked_at is None for token in app.store.tokens(user.name))
    click.echo(f"{user.name} has a new password; whoever was logged in as {user.name} is logged out.")
    if tokens:
        click.echo(f"tokens of theirs that still work: {tokens}; `listener users tokens revoke ID` ends one.")
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


@users_command.command("token")
@click.argument("name")
@click.option("--for", "about", default="", metavar="WORDS", help="What it is for, to know it again.")
@click.pass_context
def token_command(ctx: click.Context, name: str, about: str) -> int:
    """Make a token for a program that may do what NAME may. It is printed once."""
    from listener.desk.api_access import new_token, token_id

    with opened(ctx) as app:
        user = _known(app, name)
        secret = new_token()
        about = " ".join(clean(about, _LONGEST_ABOUT).split())
        app.store.add_token(Token(token_id(secret), user.name, about, stamp(app.now())))
    click.echo(secret)
    click.echo(f"keep it: it is not shown again. It may do what {user.name} may ({user.role}).", err=True)
    return 0


@users_command.group("tokens", invoke_without_command=True)
@click.option("--json", "as_json", is_flag=True)
@click.pass_context
def tokens_command(ctx: click.Context, as_json: bool) -> int:
    """List the tokens, by the first characters of their ids."""
    if ctx.invoked_subcommand is not None:
        return 0
    with opened(ctx) as app:
        tokens: list[Token] = app.store.tokens()
    if as_json:
        click.echo(
            json.dumps([one._asdict() | {"id": one.id[:_SHOWN]} for one in tokens], ensure_ascii=False, indent=2)
        )
        return 0
    if not tokens:
        click.echo("there is no token; make one with: listener users token NAME")
    for one in tokens:
        used = f"last used {one.used_on}" if one.used_on else "never used"
        state = f"revoked {one.revoked_at[:10]}" if one.revoked_at else used
        click.echo(_TOKEN_LINE.format(one.id[:_SHOWN], one.user, one.made_at[:10], state, one.about).rstrip())
    return 0


@tokens_command.command("revoke")
@click.argument("token")
@click.pass_context
def revoke_command(ctx: click.Context, token: str) -> int:
    """Let the token with that id, or that beginning of one, in no more."""
    with opened(ctx) as app:
        found = [one for one in app.store.tokens() if token and one.id.startswith(token.lower())]
        if len(found) != 1:
            raise click.UsageError(
                f"no single token's id begins with that; `listener users tokens` shows their first {_SHOWN} characters."
            )
        app.store.revoke_token(found[0].id, stamp(app.now()))
    click.echo(f"{found[0].id[:_SHOWN]} of {found[0].user} is revoked.")
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

"""`listener serve`: the review desk, until SIGTERM."""

from __future__ import annotations

import gc
import logging
import os
import signal
import socket
import threading
from ipaddress import ip_address

import click

from listener.cli.main import NOTHING_WORKED, opened

_GRACE_SECONDS = 3
"""For answers that are being given; threads that still work after it do not keep the process."""

_MOST_AT_ONCE = 500
_ADD_ONE = "add one with `listener users add NAME --role admin`"


@click.command("serve")
@click.option("--bind", metavar="ADDRESS", help="Default: desk.bind, which is 127.0.0.1.")
@click.option("--port", type=click.IntRange(0, 65535), help="Default: desk.port, which is 8400; 0: any that is free.")
@click.pass_context
def serve_command(ctx: click.Context, bind: str | None, port: int | None) -> int:
    """Serve the review desk until stopped (Ctrl-C, SIGTERM). It pulls nothing: `listener run` or cron does."""
    with opened(ctx, advise=True) as app:
        settings = app.config.settings.desk
        at, number = settings.bind if bind is None else bind, settings.port if port is None else port
        if not at:
            raise click.UsageError("--bind is empty: write 127.0.0.1, or 0.0.0.0 for every address of this machine.")
        if not any(user.disabled_at is None for user in app.store.users()):
            if not _is_loopback(at):
                raise click.UsageError(f"nobody has an account, so the desk is not opened at {at}: {_ADD_ONE}.")
            click.echo(f"nobody has an account yet: {_ADD_ONE}.", err=True)
        try:
            listening = listen(at, number)
        except OSError as error:
            click.echo(f"listener: {_why(at, number, error)}", err=True)
            return NOTHING_WORKED
        with listening:
            from listener.desk.app import create

            stopping = threading.Event()
            for signal_number in (signal.SIGTERM, signal.SIGINT):
                signal.signal(signal_number, lambda *_: stopping.set())
            desk = create(app, at)
            click.echo(f"the desk is open at {_address(at, listening)}")
            serve(desk, listening, stopping)
    click.echo("stopped.", err=True)
    return 0


def listen(at: str, port: int) -> socket.socket:
    """Raises OSError."""
    family, _, _, _, address = socket.getaddrinfo(at, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
    both = at == "::" and socket.has_dualstack_ipv6()
    bound = socket.create_server(address[:2], family=family, backlog=512, dualstack_ipv6=both)
    # Only what says that it is TCP gets TCP_NODELAY from asyncio; without that each answer waits 40 ms for an ACK.
    return socket.socket(bound.family, bound.type, socket.IPPROTO_TCP, fileno=bound.detach())


def serve(desk: object, listening: socket.socket, stopping: threading.Event) -> None:
    """Answer on that socket until the event is set; a few seconds later at most it returns."""
    import uvicorn

    config = uvicorn.Config(
        desk,  # type: ignore[arg-type]
        log_config=None,
        access_log=False,  # it would hold what people search for
        server_header=False,
        proxy_headers=False,
        lifespan="off",
        ws="none",
        limit_concurrency=_MOST_AT_ONCE,
        timeout_graceful_shutdown=_GRACE_SECONDS,
    )
    server = uvicorn.Server(config)

    def run() -> None:
        try:
            server.run([listening])
        finally:
            stopping.set()

    # What is loaded by now stays: no look for garbage need walk through it while somebody waits for a page.
    gc.collect()
    gc.freeze()
    # The threads that answer are its children and daemons as it is: none of them outlives the process.
    thread = threading.Thread(target=run, name="desk", daemon=True)
    thread.start()
    stopping.wait()
    logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)  # what is cut off at the end is no error
    server.should_exit = True
    thread.join(_GRACE_SECONDS + 1)


def _why(at: str, port: int, error: OSError) -> str:
    reason = os.strerror(error.errno) if error.errno and error.errno > 0 else error.strerror
    return f"the desk cannot be served at {at}, port {port}: {reason}; choose another with --bind or --port."


def _address(at: str, listening: socket.socket) -> str:
    return f"http://{f'[{at}]' if ':' in at else at}:{listening.getsockname()[1]}/"


def _is_loopback(at: str) -> bool:
    try:
        return ip_address(at).is_loopback
    except ValueError:
        return at == "localhost"

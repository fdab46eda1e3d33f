"""The other processes of `tests.bench.desk`: the desk itself, with a clock around each of its answers, and a pull that
never ends.

`python -m tests.bench.desk_served fill|serve|pull|wait FOLDER …`; each works on the listener.toml and listener.db in
FOLDER. `wait` does a little work and tells how long it waits for the processor: what a busy machine does to all times.
"""

from __future__ import annotations

import json
import random
import resource
import signal
import sys
import threading
import time
from collections import defaultdict
from datetime import timedelta
from pathlib import Path
from unittest import mock

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from connectors.post import Author, Post
from listener.app import App
from listener.cli.serve import listen, serve
from listener.config import load
from listener.desk import app as desk_app
from listener.desk.access import hashed
from listener.desk.context import Entry
from listener.intake import Origin
from storage.records import stamp
from storage.records_desk import User
from storage.records_sweep import Sweep
from tests.bench.desk_store import BRANDS, NOW, SOURCES, fill, said

PASSWORD = "correct horse battery"
KIND = "x-bench-kind"
FIGURES = "/bench/figures"
"""Gives and forgets what was measured: {"kinds": {kind: [[ms until answered, ms of CPU], …]}, "mb", "cpu"}."""

_PAGE = 50


def opened(folder: Path) -> App:
    """The time goes on from where the database ends."""
    began = time.monotonic()
    return App(load(folder / "listener.toml", {}), lambda: NOW + timedelta(seconds=time.monotonic() - began))


def filled(folder: Path, mentions: int, people: int) -> None:
    """The configuration, the database, and accounts person0, person1, … with PASSWORD."""
    folder.mkdir(exist_ok=True)
    config = folder / "listener.toml"
    brands = (f'[[brands]]\nname = "{brand}"\nquery = "{brand.lower()}"\n' for brand in BRANDS)
    feeds = (f'[[sources]]\ntype = "feed"\nname = "{name}"\nurl = "https://{name}.example/f"\n' for name in SOURCES)
    config.write_text("".join((*brands, *feeds)), encoding="utf-8")
    config.chmod(0o600)
    fill(folder / "listener.db", mentions)
    app = opened(folder)
    for number in range(people):
        app.store.add_user(User(f"person{number}", "reviewer", hashed(PASSWORD), stamp(NOW)))
    app.store.set_sweep("stories", Sweep(mentions))  # telling stories apart is not measured here
    app.close()


class _Clocked:
    """ASGI middleware: how long each answer took from its request's first line to its last byte."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._kinds: dict[str, list[tuple[float, float]]] = defaultdict(list)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        if scope["path"] == FIGURES:
            return await self._figures()(scope, receive, send)
        started = time.perf_counter()
        await self._app(scope, receive, send)
        taken = 1000 * (time.perf_counter() - started)
        if kind := request.headers.get(KIND):
            self._kinds[kind].append((taken, scope.get(KIND, 0.0)))

    def _figures(self) -> Response:
        kinds, self._kinds = self._kinds, defaultdict(list)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        return JSONResponse({"kinds": kinds, "mb": peak, "cpu": time.process_time()})


def _served(folder: Path) -> None:
    """Says its port, and stays until SIGTERM."""
    let_in = desk_app._let_in

    def clocked(entry: Entry, request: Request) -> Response:
        started = time.thread_time()
        try:
            return let_in(entry, request)
        finally:
            request.scope[KIND] = 1000 * (time.thread_time() - started)

    stopping = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopping.set())
    app = opened(folder)
    with listen("127.0.0.1", 0) as listening, mock.patch.object(desk_app, "_let_in", clocked):
        print(listening.getsockname()[1], flush=True)
        serve(_Clocked(desk_app.create(app)), listening, stopping)


def _pulled(folder: Path, per_second: float) -> None:
    """New posts, `per_second` of them at most, until SIGTERM; then says how many they were."""
    stopping = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopping.set())
    app, chance, pages = opened(folder), random.Random(), 0
    intake, started = app.intake(), time.monotonic()
    while not stopping.wait(max(started + pages * _PAGE / per_second - time.monotonic(), 0)):
        posts = [_post(pages * _PAGE + number, app, chance) for number in range(_PAGE)]
        now = app.now()
        app.store.add_page(intake.arrivals(posts, Origin(chance.choice(SOURCES)), app.store, now), stamp(now))
        pages += 1
        if pages % 10 == 0:
            app.settle()
    print(f"{pages * _PAGE / (time.monotonic() - started):.0f}")
    app.close()


def _waited() -> None:
    """Until SIGTERM 5 ms of work every quarter of a second; then how many times as long each of them took."""
    stopping, stretched = threading.Event(), []
    signal.signal(signal.SIGTERM, lambda *_: stopping.set())
    while not stopping.wait(0.25):
        started, worked = time.perf_counter(), time.thread_time()
        while time.thread_time() - worked < 0.005:
            pass
        stretched.append((time.perf_counter() - started) / (time.thread_time() - worked))
    print(json.dumps(stretched))


def _post(number: int, app: App, chance: random.Random) -> Post:
    name = str(chance.randrange(100_000))
    text = said(chance.choice(BRANDS), chance)
    its_id = f"{chance.random()}-{number}"
    return Post("feed", its_id, f"https://x.example/{its_id}", text, author=Author(name, name), published_at=app.now())


def main(what: str, folder: str, *numbers: str) -> None:
    match what:
        case "fill":
            filled(Path(folder), *map(int, numbers))
        case "serve":
            _served(Path(folder))
        case "pull":
            _pulled(Path(folder), *map(float, numbers))
        case "wait":
            _waited()


if __name__ == "__main__":
    main(*sys.argv[1:])

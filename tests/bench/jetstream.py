"""Hearing a stream: server in another process → connector → 1,000 terms → scores → SQLite, as `listener pull` does it.

The stream has the shapes of the real one: posts (a third replies, a fifth with links), deletions, edits, events of
accounts; one post in thirty names a brand. It breaks off in the middle, and what is stored at the end must be what the
stream said. The yardstick is a bare loop of the `websockets` library with `json.loads` and nothing else, on the same
stream in the same run. CPU seconds are those of the listening process alone; memory is its peak, which grows until the database's
cache of 16 MB is full and no further.
"""

from __future__ import annotations

import json
import multiprocessing
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from multiprocessing.connection import Connection
from pathlib import Path
from statistics import median
from typing import Any

from tests.bench.feeds import TERMS
from tests.standins.jetstream import BOB, POSTS, Event, JetstreamServer, account, deleted, identity, post

_TERMS_PER_BRAND = 10
_RELEVANT = 1 / 30
_MINUTES = 50
_LAST = "zzzlast"
_COMMON = """the a of and to in is it you that was for on are with as this be at one have not but what all were when we
there can an your which their if do will each how them then she many some so these would other into has more her two
like him see time could no make than first been its who now people my made over did down only way find use may
water long little very after words called just where most know honestly love hate fine broken slow great"""


def run(events: str = "50000", rounds: str = "3") -> str:
    """The table; the contenders take turns, and of each the median of the rounds counts."""
    few, many = int(events), 4 * int(events)
    lines = []
    with tempfile.TemporaryDirectory() as folder:
        with _served(few) as (stream, expected):
            turns = [
                {who: _measured(who, stream, Path(folder) / f"{who}-{turn}") for who in ("ours", "bare")}
                for turn in range(int(rounds))
            ]
        for one in turns:
            _check(one["ours"], expected)
        ours, bare = (median(one[who]["seconds"] for one in turns) for who in ("ours", "bare"))
        lines += [
            f"{few:,} events, 1,000 terms, {expected['posts']:,} posts stored; cut once and resumed: no loss, no repeat",
            f"{'ours':<22}{few / ours:>9,.0f} events/s of one core   {1e6 * ours / few:>6.1f} us each  (mark ≥ 5,000)",
            f"{'websockets + json':<22}{few / bare:>9,.0f} events/s   {1e6 * bare / few:>6.1f} us each",
            f"{'ratio of CPU':<22}{ours / bare:>9.2f}×",
        ]
        with _served(many) as (stream, expected):
            large = _measured("ours", stream, Path(folder) / "large")
        _check(large, expected)
    small = max(one["ours"]["memory"] for one in turns)
    lines.append(f"{'peak memory, MB':<22}{small:>9.0f} at 1×, {large['memory']:.0f} at 4×  (mark: + 20 at most)")
    lines.append(f"{'speed at 4×':<22}{many / large['seconds']:>9,.0f} events/s")
    return "\n".join(lines)


def seconds_each(events: int, folder: Path) -> float:
    """Of a processor for every event of such a stream, heard once; `folder` is made."""
    with _served(events) as (stream, expected):
        ours = _measured("ours", stream, folder)
    _check(ours, expected)
    return float(ours["seconds"]) / events


def _check(ours: dict[str, Any], expected: dict[str, int]) -> None:
    found = {name: ours[name] for name in expected}
    if found != expected:
        raise SystemExit(f"the stream says {expected}, stored is {found}")


def _measured(who: str, stream: Connection, folder: Path) -> dict[str, Any]:
    folder.mkdir()
    stream.send(who)
    command = [sys.executable, "-m", "tests.bench.jetstream", who, stream.recv(), str(folder)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    figures: dict[str, Any] = json.loads(done.stdout)
    return figures


def _ours(base: str, folder: Path) -> dict[str, Any]:
    from listener.app import App
    from listener.cli.pull import pull_watches
    from listener.config import read

    groups = [TERMS[start : start + _TERMS_PER_BRAND] for start in range(0, len(TERMS), _TERMS_PER_BRAND)]
    table = {
        "http": {"allow_private": ["127.0.0.1/32"]},
        "brands": [{"name": group[0], "query": " OR ".join(group)} for group in groups],
        "sources": [{"type": "connectors.jetstream:Jetstream", "name": "bluesky", "hosts": [base], "keep": "mentions"}],
    }
    app = App(read(folder / "listener.toml", table, {}))
    _ = app.puller  # starting up is not listening
    watches = app.sync_watches()
    before = time.process_time()
    ((_, run),) = pull_watches(app, watches, due_only=False)
    app.settle()
    seconds = time.process_time() - before
    if run is None or run.error:
        raise SystemExit(run.error if run else "left out")
    return {"seconds": seconds, "posts": run.new, "edits": run.edited, "mentions": dict(app.store.counts())["mentions"]}


def _bare(base: str, folder: Path) -> dict[str, Any]:
    from websockets.sync.client import connect

    before, count = time.process_time(), 0
    with connect(f"{base}/subscribe?wantedCollections={POSTS}&cursor=0", compression=None, max_size=None) as stream:
        for message in stream:
            event = json.loads(message)
            count += 1
            if event.get("commit", {}).get("rkey") == _LAST:
                break
    return {"seconds": time.process_time() - before, "events": count}


@contextmanager
def _served(count: int) -> Iterator[tuple[Connection, dict[str, int]]]:
    """A line to the server, which answers who comes with its address; and what must be stored of the stream."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    server = context.Process(target=_serve, args=(count, theirs), daemon=True)
    server.start()
    try:
        yield ours, ours.recv()
    finally:
        ours.send("")
        server.join(10)


def _serve(count: int, line: Connection) -> None:
    events, expected = _stream(count, datetime.now(UTC))
    with JetstreamServer(events) as server:
        line.send(expected)
        while who := line.recv():
            server.cuts[:] = [count // 2] if who == "ours" else []
            line.send(server.base)


def _stream(count: int, now: datetime) -> tuple[list[Event], dict[str, int]]:
    chance = random.Random(20_260_607)
    step = timedelta(minutes=_MINUTES) / count
    stored: set[str] = set()
    events = []
    for number in range(count - 1):
        at = now - timedelta(minutes=_MINUTES + 1) + number * step
        kind, rkey = chance.random(), f"3m{number:09}"
        if kind < 0.035:
            events.append(chance.choice((identity, account))(at=at))
        elif kind < 0.115:
            # Deletions of what nobody stored, as nearly all of them are.
            events.append(deleted(f"2m{number:09}", at=at, did=BOB))
        elif kind < 0.12:
            events.append(post(f"1m{number:09}", _text(chance, ""), at=at, did=BOB, operation="update"))
        else:
            name = chance.choice(TERMS) if chance.random() < _RELEVANT else ""
            events.append(post(rkey, _text(chance, name), at=at, did=BOB, **_more(chance)))
            if name:
                stored.add(rkey)
    events.append(post(_LAST, "the end", at=now + timedelta(minutes=10)))
    return events, {"posts": len(stored), "edits": 0, "mentions": len(stored)}


def _text(chance: random.Random, name: str) -> str:
    words = chance.choices(_COMMON.split(), k=chance.randint(3, 36))
    if name:
        words.insert(chance.randrange(len(words)), name.capitalize())
    return " ".join(words) + chance.choice((".", "!", " 😀", " …", "\n\n#fun", " «voilà»"))


def _more(chance: random.Random) -> dict[str, Any]:
    more: dict[str, Any] = {}
    if chance.random() < 0.35:
        parent = {"cid": "bafyreiainko5un5pbcdosvxpbisjnjzemojnry6nsgtdftdgslbu37kxai", "uri": f"at://{BOB}/{POSTS}/3k"}
        more["reply"] = {"parent": parent, "root": parent}
    if chance.random() < 0.2:
        uri = f"https://news.example/{chance.randrange(10**9)}"
        feature = {"$type": "app.bsky.richtext.facet#link", "uri": uri}
        more["facets"] = [{"index": {"byteStart": 0, "byteEnd": 3}, "features": [feature]}]
        external = {"uri": uri, "title": "A headline of somebody", "description": "What it is about, in a few words."}
        more["embed"] = {"$type": "app.bsky.embed.external", "external": external}
    return more


if __name__ == "__main__":
    who, base, place = sys.argv[1:]
    result = {"ours": _ours, "bare": _bare}[who](base, Path(place))
    result["memory"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps(result))

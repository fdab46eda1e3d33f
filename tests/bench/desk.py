"""The desk's lists over a million mentions: ten people at once ask a real server for pages while a pull goes on.

What is measured is the server's time for an answer, first line of the request to last byte; beside it the processor's
time for it. The last lines say how long anybody had to wait for a processor meanwhile. Everybody reads for `pause` seconds (on average) before they
ask again; one line says how much the same desk answers when nobody reads. The database is made anew, or, with a
folder, made there once and used again; with --postgres it is moved there first:

`python -m tests.bench desk [--quick] [--postgres] [folder=…] [seconds=40] [pause=0.5] [pull=200]`
"""

from __future__ import annotations

import html
import http.client
import json
import os
import random
import re
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlencode

from tests.bench.desk_served import FIGURES, KIND, PASSWORD, opened
from tests.bench.on_postgres import moved

PEOPLE = 10
_MARKS = {"queue": (0.99, 60.0), "search": (0.95, 80.0)}
_FURTHER = 3
_MORE = re.compile(r'hx-get="([^"]+)"')

_ASKED = {
    "queue": "/",
    "queue, brand": "/?brand=Acme",
    "queue, two brands": "/?brand=Beacon&brand=Dunlin",
    "queue, source": "/?source=source3",
    "queue, rare source + language": "/?source=source11&language=es",
    "queue, label": "/?label=detractor",
    "queue, rare label": "/?label=not_us",
    "queue, assignee": "/?assignee=bob",
    "queue, state": "/?state=assigned",
    "search, rare word": "/mentions?q=word9000",
    "search, rather rare word": "/mentions?q=word900",
    "search, common word": "/mentions?q=great",
    "search, two words": "/mentions?q=great+support",
    "search, no such word": "/mentions?q=xyzzy",
    "search, phrase": "/mentions?q=%22dark+mode%22",
    "search, common + filters": "/mentions?q=great&label=detractor&brand=Acme",
    "search, common + rare filters": "/mentions?q=great&source=source11&brand=Dunlin",
    "search, rare + filters": "/mentions?q=word9000&language=es",
    "search, word of a month": "/mentions?q=great&since=30d",
    "search, rare word of a month": "/mentions?q=word900&since=30d",
    "search in the queue": "/?q=great+support",
    "search in the queue, rare": "/?q=word900",
    "mentions": "/mentions",
    "mentions, label": "/mentions?label=detractor&brand=Acme",
    "mentions, rare source": "/mentions?source=source11&language=es",
    "/healthz": "/healthz",
}


class _Phase(NamedTuple):
    """By kind (ms until answered, ms of CPU); the processor's seconds of the whole server; its peak memory in MB."""

    kinds: dict[str, list[tuple[float, float]]]
    seconds: float
    cpu: float
    peak: float


class _Measured(NamedTuple):
    """`calm`: people read what they get; `busy`: nobody does. `by_key`: ms of CPU for 50 rows by their keys, which is
    what no list can do without. `stretch`: how many times as long 5 ms of somebody's work took. `stored`: posts/s."""

    calm: _Phase
    busy: _Phase
    by_key: float
    stretch: list[float]
    stored: str


def run(*given: str) -> str:
    options = dict(one.partition("=")[::2] for one in given)
    mentions = 100_000 if "--quick" in options else 1_000_000
    with tempfile.TemporaryDirectory() as scratch:
        folder, started = Path(options.get("folder", f"{scratch}/desk")), time.perf_counter()
        if not (folder / "listener.toml").exists():
            subprocess.run([*_child("fill", folder), str(mentions), str(PEOPLE)], check=True)
        made, pause = time.perf_counter() - started, float(options.get("pause", 0.5))
        place = moved(folder) if "--postgres" in options else nullcontext(folder)
        with place as folder, _running(_child("serve", folder)) as server:
            port = int(server.stdout.readline())
            found = _measured(folder, port, float(options.get("seconds", 40)), pause, options.get("pull", "200"))
    about = f"{mentions:,} mentions, made in {made:.0f} s; {PEOPLE} people, {pause:g} s between their pages; "
    return f"{about}{found.stored} posts/s are stored meanwhile\n\n{_table(found)}"


def _measured(folder: Path, port: int, seconds: float, pause: float, pull: str) -> _Measured:
    with _running([*_child("pull", folder), pull]) as pulling, _running(_child("wait", folder)) as waiting:
        cookies = [_logged_in(port, f"person{number}") for number in range(PEOPLE)]
        _phase(port, cookies, min(seconds / 4, 5), pause)  # each thread opens its connection
        calm = _phase(port, cookies, seconds, pause)
        stretch = json.loads(_last_word(waiting))
        by_key = _by_key(folder)
        busy = _phase(port, cookies, seconds / 4, 0)
        return _Measured(calm, busy, by_key, sorted(stretch), _last_word(pulling))


def _table(found: _Measured) -> str:
    calm, busy = found.calm, found.busy
    lines = [f"{'ms':<34}{'p50':>7}{'p95':>7}{'p99':>7}{'most':>7}{'CPU p50':>9}{'p99':>7}{'/ by key':>9}{'asked':>7}"]
    for group, (part, mark) in _MARKS.items():
        together = [one for kind, rows in calm.kinds.items() if _group(kind) == group for one in rows]
        lines.append(
            _row(f"{group}: all of them", together, found.by_key) + f"  (mark: p{100 * part:.0f} ≤ {mark:.0f})"
        )
    order = [*_ASKED, *(f"{group}, next pages" for group in (*_MARKS, "mentions"))]
    lines += ["", *(_row(kind, calm.kinds[kind], found.by_key) for kind in order if kind in calm.kinds), ""]
    for what, phase in (("people read", calm), ("nobody reads", busy)):
        answers = sum(map(len, phase.kinds.values())) / phase.seconds
        lines.append(f"{what + ':':<14}{answers:>4.0f} answers/s on {phase.cpu / phase.seconds:.0%} of a processor")
    waits = ", ".join(f"p{100 * part:.0f} {_at(found.stretch, part):.1f}×" for part in (0.5, 0.95, 0.99))
    lines.append(f"the machine: 5 ms of any work took {waits} as long; load {os.getloadavg()[0]:.1f}")
    return "\n".join(
        [*lines, f"peak memory of the server: {busy.peak:.0f} MB; 50 rows by key: {found.by_key:.2f} ms of CPU"]
    )


def _row(name: str, rows: Sequence[Sequence[float]], by_key: float) -> str:
    taken, cpu = (sorted(one[which] for one in rows) for which in (0, 1))
    times = "".join(f"{_at(taken, part):>7.1f}" for part in (0.5, 0.95, 0.99, 1))
    ratio = f"{_at(cpu, 0.5) / by_key:.0f}×"
    return f"{name:<34}{times}{_at(cpu, 0.5):>9.1f}{_at(cpu, 0.99):>7.1f}{ratio:>9}{len(rows):>7}"


def _at(ranked: Sequence[float], part: float) -> float:
    return ranked[min(int(len(ranked) * part), len(ranked) - 1)]


def _by_key(folder: Path) -> float:
    app = opened(folder)
    with app.store.side.read() as connection:
        (most,) = connection.execute("SELECT MAX(seq) FROM mentions").fetchone()
        taken, statement = [], f"SELECT * FROM mentions WHERE seq IN ({', '.join('?' * 50)})"
        for _ in range(200):
            keys = [random.randrange(most) for _ in range(50)]
            started = time.thread_time()
            connection.execute(statement, keys).fetchall()
            taken.append(1000 * (time.thread_time() - started))
    app.close()
    return _at(sorted(taken), 0.5)


# -- people


def _phase(port: int, cookies: Sequence[str], seconds: float, pause: float) -> _Phase:
    before, started = _figures(port)["cpu"], time.monotonic()
    people = [
        threading.Thread(target=_person, args=(port, cookie, started + seconds, pause, random.Random(number)))
        for number, cookie in enumerate(cookies)
    ]
    for one in people:
        one.start()
    for one in people:
        one.join()
    took, told = time.monotonic() - started, _figures(port)
    return _Phase(told["kinds"], took, told["cpu"] - before, told["mb"])


def _person(port: int, cookie: str, until: float, pause: float, chance: random.Random) -> None:
    """Asks for a list, often for a few pages more of it, then for another list."""
    connection = http.client.HTTPConnection("127.0.0.1", port)
    while time.monotonic() < until:
        kind = chance.choice(list(_ASKED))
        path, further = _ASKED[kind], chance.choice((0, 0, 0, _FURTHER))
        for number in range(1 + further):
            time.sleep(chance.expovariate(1 / pause) if pause else 0)
            partial = {"HX-Request": "true"} if number else {}
            shown = _get(connection, path, {"Cookie": cookie, KIND: _named(kind, number), **partial})
            more = _MORE.search(shown)
            if more is None:
                break
            path = html.unescape(more[1])
    connection.close()


def _named(kind: str, number: int) -> str:
    return f"{_group(kind)}, next pages" if number else kind


def _group(kind: str) -> str:
    return kind.replace(",", "").split()[0]


def _get(connection: http.client.HTTPConnection, path: str, headers: dict[str, str]) -> str:
    connection.request("GET", path, headers=headers)
    answer = connection.getresponse()
    shown = answer.read().decode()
    if answer.status != 200:
        raise SystemExit(f"{path}: {answer.status} {shown[:200]}")
    return shown


def _figures(port: int) -> Any:
    connection = http.client.HTTPConnection("127.0.0.1", port)
    told = json.loads(_get(connection, FIGURES, {}))
    connection.close()
    return told


def _logged_in(port: int, name: str) -> str:
    """The cookie."""
    connection = http.client.HTTPConnection("127.0.0.1", port)
    headers = {"Content-Type": "application/x-www-form-urlencoded", "Sec-Fetch-Site": "same-origin"}
    connection.request("POST", "/login", urlencode({"name": name, "password": PASSWORD}), headers)
    answer = connection.getresponse()
    answer.read()
    connection.close()
    given = answer.getheader("Set-Cookie", "")
    if answer.status != 303:
        raise SystemExit(f"{name} cannot log in: {answer.status}")
    return given.partition(";")[0]


# -- processes


def _child(what: str, folder: Path) -> list[str]:
    return [sys.executable, "-m", "tests.bench.desk_served", what, str(folder)]


@contextmanager
def _running(command: Sequence[str]) -> Iterator[Any]:
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        try:
            yield child
        finally:
            child.terminate()


def _last_word(child: Any) -> str:
    child.terminate()
    return str(child.stdout.read()).strip()

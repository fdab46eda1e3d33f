"""Pulling: ours against the `reader` library, the same feeds from the same loopback server in one run.

Ours matches 1,000 terms, scores, and fills the full-text index on the way; reader parses and stores. CPU seconds are
those of the pulling process alone (user + system), each contender in a process of its own; memory is its peak.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from statistics import mean
from typing import Any

from tests.bench.feeds import ENTRIES, TERMS, served

_TERMS_PER_BRAND = 10


def run(feeds: str = "200", more: str = "2000", rounds: str = "3") -> str:
    """The table; `feeds` for the comparison, `more` for the growth. The contenders take turns; of each the
    best round counts, as a shared machine only ever adds."""
    count = int(feeds)
    taken: dict[tuple[str, str], list[dict[str, Any]]] = {}
    with tempfile.TemporaryDirectory() as folder, served(count) as server:
        for turn in range(int(rounds)):
            for who, mode in (("ours", "plain"), ("reader", "plain"), ("ours", "etag"), ("reader", "etag")):
                place = Path(folder) / f"{who}-{mode}-{turn}"
                taken.setdefault((who, mode), []).append(_measured(who, f"{server}/{mode}", count, place))
    figures = {key: {name: min(one[name] for one in turns) for name in turns[0]} for key, turns in taken.items()}
    return _comparison(figures, count) + "\n" + _growth(count, int(more))


def _comparison(figures: dict[tuple[str, str], dict[str, Any]], count: int) -> str:
    ours, theirs = figures["ours", "plain"], figures["reader", "plain"]
    entries = count * ENTRIES
    lines = [f"{count} feeds × {ENTRIES} entries; CPU seconds, ours / reader", ""]
    for phase, mark in (("first", "≥ 3"), ("10 % new", "≥ 9"), ("same", "≥ 25")):
        ratio = theirs[phase] / ours[phase]
        speed = f"{entries / ours[phase]:>9,.0f} / {entries / theirs[phase]:>7,.0f} entries/s"
        cpu = f"{ours[phase]:>7.2f} / {theirs[phase]:>6.2f}"
        lines.append(f"{phase:<22}{cpu}   {ratio:>5.1f}×  (mark {mark}×)  {speed}")
    per_304, reader_304 = (1000 * figures[who, "etag"]["same"] / count for who in ("ours", "reader"))
    lines.append(f"{'304, ms a feed':<22}{per_304:>7.2f} / {reader_304:>6.2f}            (mark ≤ 1.5)")
    lines.append(f"{'peak memory, MB':<22}{ours['memory']:>7.0f} / {theirs['memory']:>6.0f}            (mark ≤ 120)")
    found = f"{ours['posts']:.0f} posts, {ours['mentions']:.0f} mentions"
    return "\n".join([*lines, f"{'stored':<22}{found} / {theirs['posts']:.0f} entries"])


def _growth(count: int, more: int) -> str:
    """Small pulls around each large one, and means compared, since a machine's speed drifts within a minute."""
    small, large = [], []
    with tempfile.TemporaryDirectory() as folder, served(more) as server:
        for turn in range(2):
            for n in range(4):
                small.append(_measured("ours", f"{server}/plain", count, Path(folder) / f"small-{turn}-{n}"))
                if n == 1:
                    large.append(_measured("ours", f"{server}/plain", more, Path(folder) / f"large-{turn}"))
    lines = []
    for phase in ("first", "same"):
        few = 1000 * mean(one[phase] for one in small) / count
        many = 1000 * mean(one[phase] for one in large) / more
        growth = f"{few:.2f} at {count}, {many:.2f} at {more}: {many / few - 1:+.0%}  (mark ±25 %)"
        lines.append(f"{phase + ', ms a feed':<25}{growth}")
    peak = max(one["memory"] for one in large)
    return "\n".join([*lines, f"{'peak memory, MB':<25}{peak:.0f} at {more}  (mark ≤ 120)"])


def _measured(who: str, base: str, feeds: int, folder: Path) -> dict[str, Any]:
    folder.mkdir()
    command = [sys.executable, "-m", "tests.bench.ingest", who, base, str(feeds), str(folder)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    figures: dict[str, Any] = json.loads(done.stdout)
    return figures


def _phases(base: str, pull: Callable[[], None]) -> dict[str, float]:
    """CPU seconds of the first pull, of one with nothing new, and of one with 10 % new entries."""
    seconds = {}
    for phase, version in (("first", 0), ("same", 0), ("10 % new", 1)):
        urllib.request.urlopen(f"{base.rsplit('/', 1)[0]}/version/{version}").read()
        before = _cpu()
        pull()
        seconds[phase] = _cpu() - before
    return seconds


def _cpu() -> float:
    return time.process_time()


def _ours(base: str, feeds: int, folder: Path) -> dict[str, Any]:
    from listener.app import App
    from listener.cli.pull import pull_watches
    from listener.config import read

    groups = [TERMS[start : start + _TERMS_PER_BRAND] for start in range(0, len(TERMS), _TERMS_PER_BRAND)]
    table = {
        "http": {"allow_private": ["127.0.0.1/32"]},
        "brands": [{"name": group[0], "query": " OR ".join(group)} for group in groups],
        "sources": [{"type": "feed", "name": f"feed-{n}", "url": f"{base}/{n}"} for n in range(feeds)],
    }
    app = App(read(folder / "listener.toml", table, {}))
    _ = app.puller  # starting up is not pulling, for neither side

    def pull() -> None:
        ended = pull_watches(app, app.sync_watches(), due_only=False)
        app.settle()
        failed = [run.error if run else "left out" for _, run in ended if run is None or run.outcome == "failed"]
        if failed or len(ended) != feeds:
            raise SystemExit(f"{len(failed)} of {len(ended)} failed: {failed[:1]}")

    return _phases(base, pull) | dict(app.store.counts())


def _reader(base: str, feeds: int, folder: Path) -> dict[str, Any]:
    from reader import make_reader

    reader = make_reader(str(folder / "reader.sqlite"))
    for number in range(feeds):
        reader.add_feed(f"{base}/{number}")
    figures: dict[str, Any] = _phases(base, lambda: reader.update_feeds(scheduled=False))
    return figures | {"posts": reader.get_entry_counts().total}


if __name__ == "__main__":
    who, base, feeds, folder = sys.argv[1:]
    result = {"ours": _ours, "reader": _reader}[who](base, int(feeds), Path(folder))
    result["memory"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps(result))

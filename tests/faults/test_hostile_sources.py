"""Sources that answer as badly as they can: each has a clear outcome, time and memory are bounded, others unharmed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from tests.hostile import HostileServer
from tests.program import LOVED, Program, feed, hackernews
from tests.standins.feeds import FeedServer, Item
from tests.standins.loopback import Asked, Loopback, Told

DEADLINE = 2.0
ROOM = 64_000_000
"""Bytes of memory above those of a pull of a good feed alone."""

_LAUGHS = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
_RSS = b'<?xml version="1.0"?><rss version="2.0"><channel><title>t</title>%s</channel></rss>'


def rss(items: str) -> bytes:
    return _RSS % items.encode()


BODIES: Mapping[str, Callable[[], bytes]] = {
    "one item of 50 MB": lambda: rss(f"<item><description>{'x' * 50_000_000}</description></item>"),
    "one item of 9 MB": lambda: rss(f"<item><guid>nine</guid><description>{'x' * 9_000_000}</description></item>"),
    "dates at the ends of time": lambda: rss(
        "<item><guid>d1</guid><pubDate>Mon, 01 Jan 0001 00:00:00 GMT</pubDate></item>"
        "<item><guid>d2</guid><pubDate>Fri, 31 Dec 9999 23:59:59 GMT</pubDate></item>"
        "<item><guid>d3</guid><pubDate>Fri, 31 Dec 9999 23:59:59 -1200</pubDate></item>"
    ),
    "no id, link or date": lambda: rss("<item><title>bare</title></item><item/><item><description/></item>"),
    "billion laughs": lambda: (
        f'<?xml version="1.0"?><!DOCTYPE rss [<!ENTITY l0 "lol">{_LAUGHS}]>'
        "<rss><channel><title>&l9;</title><item><title>&l9;</title></item></channel></rss>"
    ).encode(),
    "100,000 items": lambda: rss("".join(f"<item><guid>n{n}</guid><title>{n}</title></item>" for n in range(100_000))),
    "1 MB of attributes": lambda: rss("<item " + " ".join(f"a{n}=''" for n in range(110_000)) + "/>"),
    "nested XML": lambda: rss("<a>" * 200_000),
    "nested JSON": lambda: b'{"version": "https://jsonfeed.org/version/1.1", "items": ' + b"[" * 100_000,
    "nothing": lambda: b"",
    "noise": lambda: bytes(range(256)) * 1_000,
}
ROUTES = {
    "endless body": "/endless",
    "endless chunks": "/endless-chunked",
    "gzip bomb": "/bomb/1000",
    "redirect to a private address": "/redirect-private",
    "redirect loop": "/loop",
    "content-length too large": "/short",
    "content-length too small": "/long",
    "reset in mid-body": "/reset",
    "web page with 200": "/html",
    "not HTTP": "/garbage",
}
SLOW = ("/drip", "/drip-headers", "/endless-1xx", "/hang", "/crumbs", "/flood-1xx")

OUTCOMES = {
    "one item of 50 MB": ("failed", "more than 10,000,000 bytes"),
    "one item of 9 MB": ("ok", ""),
    "dates at the ends of time": ("ok", ""),
    "no id, link or date": ("ok", ""),
    "billion laughs": ("failed", "DTD"),
    "100,000 items": ("partial", "only the first 5,000 entries"),
    "1 MB of attributes": ("failed", "a tag of more than"),
    "nested XML": ("failed", "nested"),
    "nested JSON": ("failed", "JSON"),
    "nothing": ("failed", "nothing at all"),
    "noise": ("failed", "not a feed"),
    "endless body": ("failed", "more than 10,000,000 bytes"),
    "endless chunks": ("failed", "more than 10,000,000 bytes"),
    "gzip bomb": ("failed", "more than 10,000,000 bytes"),
    "redirect to a private address": ("failed", "private address 10.0.0.1"),
    "redirect loop": ("failed", "redirects more than 5 times"),
    "content-length too large": ("failed", "broke off"),
    "content-length too small": ("ok", ""),
    "reset in mid-body": ("failed", "broke off"),
    "web page with 200": ("failed", "a web page"),
    "not HTTP": ("failed", "not HTTP"),
    "nested answer to a search": ("failed", "JSON"),
}


class NestedSearch(Loopback):
    def answer(self, asked: Asked) -> Told:
        return Told(200, b'{"hits": ' + b"[" * 100_000, {"Content-Type": "application/json"})


def good_items() -> list[Item]:
    return [Item(id=f"urn:good:{n}", title=f"good {n}", body=LOVED) for n in range(50)]


@pytest.fixture(scope="module")
def resting(tmp_path_factory: pytest.TempPathFactory) -> int:
    """Peak of the memory of a pull of the good feed alone, in bytes."""
    with FeedServer(good_items()) as good:
        program = Program(tmp_path_factory.mktemp("resting"), sources=[feed("good", good.url())])
        return program.measured("pull", "--all", code=0)[1]


def pulled(folder: Path, sources: list[dict[str, Any]], resting: int) -> tuple[Program, dict[str, dict[str, Any]]]:
    """The runs by source, the good feed's among them."""
    with FeedServer(good_items()) as good:
        program = Program(
            folder, sources=[*sources, feed("good", good.url())], http={"deadline": "2s"}, schedule={"threads": 16}
        )
        ended, peak = program.measured("pull", "--all", "--json", code=3)
    print(f"resting {resting / 1e6:.0f} MB, at most {(peak - resting) / 1e6:.0f} MB more")
    assert ended.err == ""
    assert peak - resting <= ROOM, f"{(peak - resting) / 1e6:.0f} MB"
    runs = {run["source"]: run for run in ended.json["runs"]}
    assert (runs["good"]["outcome"], runs["good"]["new"]) == ("ok", 50)
    program.check_database()
    return program, runs


def seconds(run: dict[str, Any]) -> float:
    return (datetime.fromisoformat(run["finished_at"]) - datetime.fromisoformat(run["started_at"])).total_seconds()


def test_whatever_a_source_sends_its_outcome_is_clear_and_memory_is_bounded(tmp_path: Path, resting: int) -> None:
    with HostileServer() as server, NestedSearch() as search:
        urls = {name: server.url(path) for name, path in ROUTES.items()}
        urls |= {name: server.say(f"/{number}", make()) for number, (name, make) in enumerate(BODIES.items())}
        sources = [feed(name, url) for name, url in urls.items()]
        sources.append(hackernews("nested answer to a search", search.base, terms=["acme"]))
        program, runs = pulled(tmp_path, sources, resting)

    outcomes = {name: (run["outcome"], run["error"]) for name, run in runs.items() if name != "good"}
    wrong = {
        name: outcomes[name]
        for name, (outcome, words) in OUTCOMES.items()
        if outcomes[name][0] != outcome or words not in outcomes[name][1]
    }
    assert wrong == {}
    assert outcomes.keys() == OUTCOMES.keys()
    silent = [name for name, (outcome, error) in outcomes.items() if outcome in ("failed", "partial") and not error]
    assert silent == []
    assert max(len(error) for _, error in outcomes.values()) < 400
    late = {name: seconds(run) for name, run in runs.items() if name != "100,000 items" and seconds(run) > DEADLINE + 1}
    assert late == {}
    assert (
        program.rows("SELECT dated, at FROM posts WHERE source_id LIKE '%|d1' OR source_id LIKE '%|d2'")
        == [("implausible", None)] * 2
    )
    states = {name: watch["last_outcome"] for name, watch in program.watches().items()}
    assert {name: outcome for name, (outcome, _) in outcomes.items()} | {"good": "ok"} == states


def test_answers_that_never_end_are_cut_within_a_second_of_the_deadline(tmp_path: Path, resting: int) -> None:
    with ExitStack() as stack:  # a server for each, so that they are asked at the same time
        urls = {path: stack.enter_context(HostileServer()).url(path) for path in SLOW}
        _, runs = pulled(tmp_path, [feed(path, url) for path, url in urls.items()], resting)

    assert {path: runs[path]["outcome"] for path in SLOW} == dict.fromkeys(SLOW, "failed")
    assert {path: seconds(runs[path]) for path in SLOW if seconds(runs[path]) > DEADLINE + 1} == {}
    assert "2 s" in runs["/drip"]["error"]

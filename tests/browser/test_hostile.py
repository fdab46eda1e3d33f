"""Posts that are written to run in the browser of whoever reads them, in everything that a source may say of a post."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import timedelta
from html import escape
from typing import Any
from urllib.parse import urlencode

import pytest

from connectors.post import Author, Post
from connectors.text import clean
from listener.desk.app import ENTRIES
from listener.intake import Origin
from storage.records import Arrival, stamp
from storage.records_desk import View
from tests.browser.conftest import LiveDesk, Visitors, says, sync_api, visited
from tests.browser.payloads import LIVE, PAYLOADS
from tests.command import ACME
from tests.conftest import NOW
from tests.desk import DeskAt

PARTS = 2
MARKUP = set("<>\"'")
GENRES = ("post", "question", "comment", "review")
CONFIG = ACME + "".join(
    f"[[desk.snippets]]\nname = {json.dumps(payload[:60])}\ntext = {json.dumps(payload + ' {author}')}\n"
    for payload in LIVE
)
DATA = ("application/json", "application/feed+json", "text/csv", "text/plain", "text/css", "text/javascript")

INTRUDERS = """const intruders = (page, drawn) => {
  const found = window.ran === undefined ? [] : ["it ran"];
  const never = new Set(("applet audio base dialog embed frame frameset iframe image img listing marquee math noscript "
    + "object picture plaintext portal source style template video xmp").split(" "));
  for (const one of page.querySelectorAll("*")) {
    const name = one.localName, tell = () => found.push(one.outerHTML.slice(0, 200));
    if (never.has(name) || (!drawn && one.namespaceURI !== "http://www.w3.org/1999/xhtml")) tell();
    if (["script", "link", "meta"].includes(name) && one.parentNode !== page.head) tell();
    if (name === "script" && !one.getAttribute("src")?.startsWith("/static/")) tell();
    if (name === "meta" && one.httpEquiv) tell();
    if (name === "form" && new URL(one.getAttribute("action"), location.href).origin !== location.origin) tell();
    if (name === "a" && URL.canParse(one.href)) {  // what is no address leads nowhere
      if (!["http:", "https:"].includes(one.protocol)) tell();
      if (one.origin !== location.origin && one.rel !== "noopener nofollow") tell();
    }
    for (const { name: attribute } of one.attributes) {
      if (/^(on|style$|srcdoc$|srcset$|formaction$|ping$|background$)/.test(attribute)) tell();
      if (/^(data-)?hx-/.test(attribute) && !one.matches(".further > a")) tell();
    }
  }
  return found;
};
"""
"""What stands in a page and came out of a text: elements and attributes that no page of the desk has."""

HERE = f"(drawn) => {{ {INTRUDERS} return intruders(document, drawn); }}"
READ = f"""async (addresses) => {{
  {INTRUDERS}
  const parser = new DOMParser(), found = [];
  for (const address of addresses) {{
    const page = parser.parseFromString(await (await fetch(address)).text(), "text/html");
    found.push([page.querySelectorAll("#mention").length, ...intruders(page, false)]);
  }}
  return found;
}}"""
"""Reads pages as Chromium reads them, without going there: for each address, 1 for a mention's page and its intruders."""


def posts(number: int, payload: str) -> list[Post]:
    """One with the payload as it is, one with it escaped as sources do that send HTML; both in every field."""
    author = Author(id=f"{number} {payload}", name=payload, url=payload, reach=100 + number)
    common: dict[str, Any] = {"title": payload, "author": author, "language": payload, "genre": GENRES[number % 4]}
    at = NOW - timedelta(minutes=number)
    link = payload if number % 2 else f"https://{payload}"
    plain = f"Acme is great. {payload} Why does Acme do that?"
    html = f"<p>Acme is great. {escape(payload)}</p>{payload}"
    return [
        Post(
            "feed", f"{number}a {payload}", link, plain, published_at=at, thread=f"a {payload}", ref=payload, **common
        ),
        Post("feed", f"{number}b {payload}", payload, html, "html", published_at=at, thread=f"b{number}", **common),
    ]


def told(arrival: Arrival, payload: str) -> Arrival:
    """With the payload in what matcher and scorer say as well."""
    ((mention, score),) = arrival.mentions
    said: dict[str, Any] = {"label": "promoter", "confidence": 0.99, "language": payload[:35], "tags": payload}
    spoken = mention._replace(why=json.dumps([payload]), scorer=payload, **said)
    scored = score._replace(explanation=json.dumps([[payload, 2.0], ["great", 3.1]]), scorer=payload, **said)
    return arrival._replace(mentions=((spoken, scored),))


def fill(desk: DeskAt) -> list[str]:
    """The ids of the mentions of the first of each pair."""
    intake, first, stored = desk.app.intake(), [], []
    for number, payload in enumerate(PAYLOADS):
        made = intake.arrivals(posts(number, payload), Origin("blogs"), desk.store, desk.now)
        assert [len(one.mentions) for one in made] == [1, 1], payload
        stored += [told(one, clean(payload, 1000)) for one in made]
        first.append(made[0].mentions[0][0].id)
    desk.store.add_page(stored, stamp(desk.now))
    desk.app.settle()
    client = desk.client("admin")
    for its_id, payload in zip(first, PAYLOADS, strict=True):
        answer = client.post(f"/mentions/{its_id}/act", data={"action": "note", "value": clean(payload, 1000)})
        assert answer.status_code in (303, 400), payload
        if payload[0] in "=@<":
            client.post("/praise/act", data={"mention": its_id, "action": "granted"})
    for its_id, payload in zip(reversed(first), LIVE, strict=False):
        colleague = desk.client(name=payload)
        assert colleague.post(f"/mentions/{its_id}/act", data={"action": "label:detractor"}).status_code == 303
        assert colleague.post(f"/mentions/{its_id}/act", data={"action": "assign"}).status_code == 303
    for number in range(0, len(PAYLOADS), 10):
        desk.store.save_view(View(clean(PAYLOADS[number], 60), "", "label=promoter", stamp(desk.now)))
    return first


@pytest.fixture(scope="module")
def hostile(chromium: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Visitors, list[str]]]:
    with LiveDesk(tmp_path_factory.mktemp("hostile"), CONFIG, now=NOW) as desk:
        ids = fill(desk)
        with visited(chromium, desk) as visitors:
            yield visitors, ids


@pytest.fixture(autouse=True)
def unwatched(hostile: tuple[Visitors, list[str]]) -> Iterator[None]:
    """Each test begins with nothing noticed and no page open."""
    visitors, _ = hostile
    yield
    visitors.close()
    visitors.watch.alarms.clear()
    visitors.watch.asked.clear()


def is_calm(visitors: Visitors, page: Any, what: str, asked: Sequence[str], drawn: bool = False) -> None:
    assert page.evaluate(HERE, drawn) == [], what
    assert visitors.watch.alarms == [], what
    assert set(visitors.watch.asked) <= set(asked), what
    visitors.watch.asked.clear()


def test_there_are_enough_of_all_kinds() -> None:
    assert len(set(PAYLOADS)) == len(PAYLOADS) >= 150
    assert set(LIVE) <= set(PAYLOADS)


@pytest.mark.parametrize("payload", LIVE)
def test_who_watches_notices_what_is_not_escaped(hostile: tuple[Visitors, list[str]], payload: str) -> None:
    visitors, _ = hostile
    page = visitors.context().new_page()
    body = f"<a href='{payload}'>x</a>" if payload.startswith("javascript:") else f"<p>{payload}"
    page.route("**/raw", says(body))
    page.goto("/raw", wait_until="commit")
    for _ in range(100):
        page.wait_for_timeout(20)
        with suppress(sync_api.Error):  # it has led elsewhere while it was asked
            if visitors.watch.alarms or page.evaluate(HERE, False):
                return
    pytest.fail(f"nobody noticed {payload}")


@pytest.mark.parametrize("part", range(PARTS))
def test_nothing_runs_on_the_page_of_a_mention(hostile: tuple[Visitors, list[str]], part: int) -> None:
    """All are read by Chromium, which shows that everything in them is text; a fifth, and what is LIVE, is gone to."""
    visitors, ids = hostile
    page = visitors.enter("bea", path="/help")
    known = list(zip(ids, PAYLOADS, strict=True))[part::PARTS]
    for begin in range(0, len(known), 40):
        some = known[begin : begin + 40]
        found = page.evaluate(READ, [f"/mentions/{its_id}" for its_id, _ in some])
        assert [(payload, one) for (_, payload), one in zip(some, found, strict=True) if one != [1]] == []
    visitors.watch.asked.clear()
    for its_id, payload in [*known[::5], *(one for one in known if one[1] in LIVE)]:
        page.goto(f"/mentions/{its_id}", wait_until="domcontentloaded")
        # Opening what is flagged claims it.
        is_calm(visitors, page, payload, [f"GET /mentions/{its_id}", f"POST /mentions/{its_id}/act"])


def test_nothing_runs_in_lists_that_grow_and_change_in_place(hostile: tuple[Visitors, list[str]]) -> None:
    visitors, ids = hostile
    page = visitors.enter("bea", path="/mentions")
    for shown in range(60, 2 * len(ids) + 30, 30):
        more = min(shown, 2 * len(ids))
        page.locator(".further a").click()
        page.wait_for_function("(n) => document.querySelectorAll('.row').length >= n", arg=more)
    is_calm(visitors, page, "all rows", ["GET /mentions"])
    # As htmx asks for them, and as desk.js puts them in place of those that stand there.
    page.goto("/mentions")
    page.locator(".pick input").first.check()  # brings the others up
    page.locator("#all").check()
    page.locator("#bulk button", has_text="Take").click()
    page.wait_for_function("() => /^Done for 30 /.test(document.getElementById('flash').textContent)")
    page.keyboard.press("u")
    page.wait_for_function("() => /^Undone on 30 /.test(document.getElementById('flash').textContent)")
    is_calm(visitors, page, "rows put back", ["GET /mentions", "POST /bulk", "POST /undo"])


def test_nothing_runs_in_what_a_page_repeats_of_its_address(hostile: tuple[Visitors, list[str]]) -> None:
    visitors, _ = hostile
    page = visitors.context("bea").new_page()
    texts = [one for one in PAYLOADS if one.isprintable()]
    for begin in range(0, len(texts), 40):
        names = ("brand", "source", "language")
        asked = [(names[n % 3], one) for n, one in enumerate(texts[begin : begin + 40])]
        asked += [("q", texts[begin]), ("assignee", texts[begin]), ("until", "1d"), ("next", texts[begin])]
        page.goto(f"/mentions?{urlencode(asked)}")
        assert page.locator(".active a").count() >= 40 or begin + 40 > len(texts)
        is_calm(visitors, page, str(begin), ["GET /mentions"])
    for payload in LIVE:
        for address in (f"/mentions?{urlencode({'label': payload})}", f"/mentions?{urlencode({'since': payload})}"):
            assert page.goto(address).status == 400
            visitors.watch.refused(400)
            is_calm(visitors, page, address, ["GET /mentions"])


@pytest.mark.parametrize("path", ["/", "/login", "/questions", "/dashboard", "/advocates"])
def test_no_answer_repeats_an_address_as_it_came(hostile: tuple[Visitors, list[str]], path: str) -> None:
    client = hostile[0].desk.client("admin")
    client.cookies.clear() if path == "/login" else None
    names = ("label", "state", "since", "until", "rating", "brand", "q", "next", "after", "show", "window")
    loud = [one for one in PAYLOADS if one.isprintable() and MARKUP & set(one)]
    for number, payload in enumerate(loud if path in ("/", "/login") else loud[::10]):
        for name in (names[number % len(names)], names[(number + 3) % len(names)]):
            answer = client.get(path, params={name: payload})
            assert answer.status_code in (200, 400, 404), (name, payload)
            assert payload not in answer.text, (name, payload)


def test_nothing_runs_on_any_page_and_files_are_files(hostile: tuple[Visitors, list[str]]) -> None:
    visitors, _ = hostile
    client, page = visitors.desk.client("admin"), visitors.context("ann", "admin").new_page()
    seen = 0
    for path in [one.path for one in ENTRIES if "GET" in one.methods and "{" not in one.path]:
        answer = client.get(path)
        kind = answer.headers.get("content-type", "").partition(";")[0]
        assert answer.headers["x-content-type-options"] == "nosniff"
        if kind != "text/html":
            assert kind in DATA or not answer.content, path
            is_plain(answer.text) if kind == "text/csv" else None
            continue
        status = page.goto(path).status
        visitors.watch.refused(status)
        is_calm(visitors, page, path, [f"GET {path}", "GET /"], drawn=path in ("/dashboard", "/sources"))
        seen += status == 200
    assert seen >= 6


def is_plain(table: str) -> None:
    """No spreadsheet takes a cell for a formula."""
    for line in csv.reader(io.StringIO(table)):
        assert not [cell for cell in line if cell[:1] in ("=", "+", "-", "@", "\t", "\r") and cell[:1]], line

"""Whether everybody can read it: axe-core on each page of the route table, light and dark, wide and on a phone."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from listener.desk.app import ENTRIES
from tests.browser.conftest import PHONE, WIDE, LiveDesk, Visitors, log_in, overflow, shot, visited
from tests.browser.quarter import CONFIG, Lived, live
from tests.conftest import NOW

AXE = (Path(__file__).parent / "vendor" / "axe.min.js").read_text(encoding="utf-8")
RUN = """async (rules) => {
  const only = rules.length ? { runOnly: { type: "rule", values: rules } } : {};
  return (await axe.run({ resultTypes: ["violations"], ...only })).violations
    .filter((one) => ["serious", "critical"].includes(one.impact))
    .map((one) => `${one.id} (${one.impact}) ×${one.nodes.length}: ${one.nodes[0].html.slice(0, 200)}`);
}"""
FEWER = """() => {
  document.querySelectorAll(".rows > .row:nth-child(n+9), tbody tr:nth-child(n+9)").forEach((one) => one.remove());
  document.querySelectorAll("main details:not(.picker, .keep)").forEach((one) => { one.open = true; });
}"""
"""Everything that can be opened is open, and of rows that are alike eight are left: axe takes its time over each."""

PAGES = [
    one.path
    for one in ENTRIES
    if "GET" in one.methods and not re.search(r"[.{]|^/(api/|metrics|healthz|login)", one.path)
]
MORE = {
    "mention": "the mention that waits",
    "mention-blind": "the mention of the audit",
    "mention-answered": "the mention that was answered",
    "queue-filtered": "/?label=detractor&state=new&q=acme&since=30d",
    "queue-none": "/?q=nothing+at+all",
    "helpers": "/advocates?show=helpers",
    "praise-granted": "/praise?permission=granted",
    "dashboard-quarter": "/dashboard?window=90d&brand=Globex",
    "error-400": "/mentions?since=nonsense",
    "error-404": "/nothing-here",
    "error-405": "/logout",
}
"""Pages that the route table does not name, or not in every state."""


@pytest.fixture(scope="module")
def looked_at(chromium: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Visitors, Lived]]:
    with LiveDesk(tmp_path_factory.mktemp("looks"), CONFIG, now=NOW) as desk:
        lived = live(desk)
        with visited(chromium, desk) as visitors:
            yield visitors, lived


@pytest.fixture(scope="module")
def page(looked_at: tuple[Visitors, Lived]) -> Iterator[Any]:
    visitors, _ = looked_at
    context = visitors.context("ann", "admin", reduced_motion="reduce")
    yield context.new_page()
    context.close()


def serious(page: Any, *rules: str) -> list[str]:
    """axe's serious and critical violations of these rules, or of all, each with the first place."""
    page.evaluate(AXE)
    found: list[str] = page.evaluate(RUN, list(rules))
    return found


def looks_right(page: Any, name: str) -> None:
    """Three pictures; in none of them is the page wider than the window, or breaks a rule that matters."""
    page.set_viewport_size(WIDE)
    page.emulate_media(color_scheme="light")
    assert overflow(page) <= 0, "the page is wider than the window"
    shot(page, f"{name}-light", full_page=True)
    page.emulate_media(color_scheme="dark")
    shot(page, f"{name}-dark")
    page.set_viewport_size(PHONE)
    assert overflow(page) <= 0, "the page is wider than the phone"
    shot(page, f"{name}-phone")
    page.evaluate(FEWER)
    assert overflow(page) <= 0, "the page is wider than the phone, with everything open"
    assert serious(page, "target-size", "scrollable-region-focusable", "link-in-text-block") == [], "on a phone"
    page.set_viewport_size(WIDE)
    assert serious(page, "color-contrast") == [], "dark"
    page.emulate_media(color_scheme="light")
    assert serious(page) == []


@pytest.mark.parametrize("path", PAGES)
def test_everybody_can_use_each_page(looked_at: tuple[Visitors, Lived], page: Any, path: str) -> None:
    page.goto(path)
    if path in ("/", "/mentions"):
        page.keyboard.press("j")
        page.locator(".pick input").nth(2).check()
    looks_right(page, path.strip("/").replace("/", "-") or "queue")
    looked_at[0].watch.none()


@pytest.mark.parametrize("name", MORE)
def test_everybody_can_use_it_in_other_states(looked_at: tuple[Visitors, Lived], page: Any, name: str) -> None:
    visitors, lived = looked_at
    mentions = {"mention": lived.mention, "mention-blind": lived.blind, "mention-answered": lived.answered}
    status = page.goto(mentions.get(name) or MORE[name]).status
    assert status == (int(name[-3:]) if name.startswith("error") else 200)
    looks_right(page, name)
    visitors.watch.refused(status)
    visitors.watch.none()


def test_no_page_is_left_out(looked_at: tuple[Visitors, Lived]) -> None:
    """What the route table gives out as HTML is looked at."""
    visitors, lived = looked_at
    client = visitors.desk.client("admin", "ann")
    for one in ENTRIES:
        if "GET" not in one.methods or one.path in (*PAGES, "/login"):
            continue
        answer = client.get(one.path.replace("/mentions/{id}", lived.mention))
        html = answer.headers.get("content-type", "").startswith("text/html")
        assert one.path == "/mentions/{id}" or answer.status_code != 200 or not html, one.path


def test_everybody_can_open_filters_and_keep_a_view(looked_at: tuple[Visitors, Lived], page: Any) -> None:
    page.set_viewport_size(WIDE)
    page.goto("/mentions?label=promoter")
    for name in ("picker", "keep"):
        page.locator(f"details.{name} summary").first.click()
        shot(page, f"open-{name}")
        page.evaluate(FEWER)
        page.evaluate(AXE)
        assert page.evaluate(RUN, []) == []
    page.set_viewport_size(PHONE)
    page.locator("details.picker summary").first.click()
    shot(page, "open-picker-phone")
    assert overflow(page) <= 0
    looked_at[0].watch.none()


def test_everybody_can_log_in(looked_at: tuple[Visitors, Lived]) -> None:
    visitors, _ = looked_at
    page = visitors.enter(path="/login")
    looks_right(page, "login")
    log_in(page, "ann", "wrong horse")
    page.wait_for_selector("[role=alert]")
    looks_right(page, "login-wrong")
    visitors.watch.refused(403)
    visitors.watch.none()
    page.context.close()


def test_viewers_can_look(looked_at: tuple[Visitors, Lived]) -> None:
    visitors, lived = looked_at
    page = visitors.enter("vic", "viewer")
    looks_right(page, "queue-viewer")
    page.goto(lived.mention)
    looks_right(page, "mention-viewer")
    page.goto("/users")
    looks_right(page, "error-403")
    visitors.watch.refused(403)
    visitors.watch.none()
    page.context.close()


def test_a_desk_that_is_new_says_how_to_begin(chromium: Any, tmp_path: Path) -> None:
    with LiveDesk(tmp_path, CONFIG, now=NOW) as desk, visited(chromium, desk) as visitors:
        page = visitors.enter(path="/login")
        looks_right(page, "new-login")
        page = visitors.enter("ann", "admin")
        for path in ("/", "/mentions", "/advocates", "/questions", "/praise", "/dashboard", "/sources", "/views"):
            page.goto(path)
            shot(page, f"new{path.replace('/', '-')}", full_page=True)
            assert overflow(page) <= 0, path
        visitors.watch.none()

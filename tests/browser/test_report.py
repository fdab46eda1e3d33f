"""The report in a browser, opened from a folder as a mail program does: it looks well, asks for nothing, runs nothing."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from connectors.text import clean
from listener.report import html
from storage.sqlite import SqliteStore
from tests.browser.conftest import PHONE, WIDE, overflow, shot
from tests.browser.payloads import LIVE, PAYLOADS
from tests.browser.test_axe import serious
from tests.test_report_html import MAKERS, hostile_report

LOOKS = {
    "light": {"color_scheme": "light", "viewport": WIDE},
    "dark": {"color_scheme": "dark", "viewport": WIDE},
    "phone": {"color_scheme": "light", "viewport": PHONE},
    "phone-dark": {"color_scheme": "dark", "viewport": PHONE},
}
MOST_SHEETS = 4


@dataclass
class Reader:
    """A browser in which reports are opened; `alarms` is all it did besides showing them."""

    browser: Any
    folder: Path
    alarms: list[str] = field(default_factory=list)
    contexts: list[Any] = field(default_factory=list)

    def open(self, rendered: str, **look: Any) -> Any:
        path = self.folder / "report.html"
        path.write_text(rendered, encoding="utf-8", newline="")
        context = self.browser.new_context(**look)
        self.contexts.append(context)
        context.on("request", lambda asked: asked.url == path.as_uri() or self.alarms.append(f"asked: {asked.url}"))
        context.on("console", lambda told: self.alarms.append(f"console: {told.text[:200]}"))
        context.on("weberror", lambda error: self.alarms.append(f"error: {error.error}"))
        context.on("dialog", lambda dialog: (self.alarms.append(f"dialog: {dialog.message}"), dialog.dismiss()))
        page = context.new_page()
        page.goto(path.as_uri())
        return page


@pytest.fixture
def reader(chromium: Any, tmp_path: Path) -> Iterator[Reader]:
    made = Reader(chromium, tmp_path)
    yield made
    for context in made.contexts:
        context.close()
    assert made.alarms == []


@pytest.fixture(scope="module")
def rendered(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    pages = {}
    for name, make in MAKERS.items():
        store = SqliteStore(tmp_path_factory.mktemp("reports") / f"{name}.db")
        store.migrate()
        pages[name] = html.render([make(store)])
        store.close()
    return pages


@pytest.mark.parametrize("name", MAKERS)
def test_everybody_can_read_it(reader: Reader, rendered: dict[str, str], name: str) -> None:
    for look, options in LOOKS.items() if name == "full_report" else list(LOOKS.items())[::3]:
        page = reader.open(rendered[name], **options)
        shot(page, f"{name.replace('_', '-')}-{look}", full_page=True)
        assert overflow(page) == 0, f"{look}: the page is wider than the window"
        assert look not in ("light", "phone-dark") or serious(page) == [], look
        page.context.close()


@pytest.mark.parametrize("name", MAKERS)
def test_it_prints_on_a_few_sheets(reader: Reader, rendered: dict[str, str], name: str) -> None:
    page = reader.open(rendered[name], color_scheme="dark", viewport=WIDE)
    printed = page.pdf(format="A4", prefer_css_page_size=True, print_background=True)
    assert 1 <= len(re.findall(rb"/Type\s*/Page\b", printed)) <= MOST_SHEETS
    page.emulate_media(media="print")
    assert page.evaluate("() => getComputedStyle(document.documentElement).backgroundColor") == "rgb(255, 255, 255)"
    page.set_viewport_size({"width": 688, "height": 970})  # a sheet of A4 within its margins
    assert overflow(page) == 0
    shot(page, f"{name.replace('_', '-')}-paper", full_page=True)


def test_every_chart_is_drawn(reader: Reader, rendered: dict[str, str]) -> None:
    page = reader.open(rendered["long_report"], viewport=WIDE)
    for mark in (
        ".area",
        ".run",
        ".stand",
        ".volume .detractor",
        ".heard",
        ".not_asked",
        ".range circle",
        "td .promoter",
    ):
        box = page.locator(mark).first.bounding_box()
        assert box and box["width"] > 2 and box["height"] > 1, mark


def test_what_is_written_to_run_does_not(reader: Reader, tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "hostile.db")
    store.migrate()
    hostile = html.render([hostile_report(store, [clean(payload) for payload in PAYLOADS])])
    store.close()
    page = reader.open(hostile, viewport=PHONE)
    assert page.evaluate("() => window.ran") is None
    assert page.locator("script, iframe, object, embed, form, img, link, base").count() == 0
    assert page.locator("li").count() >= 0.9 * len(PAYLOADS)  # of some nothing is left
    assert overflow(page) == 0
    shot(page, "report-hostile", full_page=False)


def test_the_policy_holds_by_itself(reader: Reader, rendered: dict[str, str]) -> None:
    """Were a text ever written out as it is, the page would still run nothing."""
    live = "".join(one for one in LIVE if "refresh" not in one)  # no policy keeps a page from leading elsewhere
    broken = rendered["empty_report"].replace("</main>", f"{live}</main>", 1)
    page = reader.open(broken, viewport=WIDE)
    assert page.evaluate("() => window.ran") is None
    assert not [alarm for alarm in reader.alarms if alarm.startswith("dialog")]
    assert [alarm for alarm in reader.alarms if "violates the following Content Security Policy" in alarm]
    reader.alarms.clear()

"""Debian's Chromium, driven by Playwright, at a real desk on a loopback port.

Where there is no Chromium these tests are skipped, saying so; with LISTENER_BROWSER=required they fail instead.
LISTENER_CHROMIUM names another one than that on the PATH. Pictures of what was seen are left in `shots/`.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from storage.records_desk import Role
from tests.conftest import NOW
from tests.desk import PASSWORD, DeskAt

sync_api = pytest.importorskip("playwright.sync_api", reason="the browser tests need playwright (pip install '.[dev]')")

sync_api.expect.set_options(timeout=20_000)  # machines that build are slow

SHOTS = Path(__file__).parent / "shots"
WIDE, PHONE = {"width": 1360, "height": 900}, {"width": 360, "height": 740}

_NAMES = ("/usr/bin/chromium", "chromium", "chromium-browser", "google-chrome")
_ARGUMENTS = (
    *("--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-quic"),
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
)
_OWN = ("/static/", "/favicon.ico")


class LiveDesk(DeskAt):
    """A desk whose clock runs on from NOW: what is done twice is not done at the same time."""

    _began = time.monotonic()

    @property
    def now(self) -> datetime:
        return self._at + timedelta(seconds=time.monotonic() - self._began)

    @now.setter
    def now(self, at: datetime) -> None:
        self._at, self._began = at, time.monotonic()


@dataclass
class Watch:
    """Everything a context does that nobody asked for: what runs, what is blocked, what goes elsewhere."""

    address: str
    alarms: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    """What was loaded from the desk besides its own style and scripts, as "GET /path"."""

    def over(self, context: Any) -> Any:
        context.on("page", self._page)
        context.on("request", self._request)
        context.on("console", lambda told: self.alarms.append(f"console: {told.type} {told.text[:300]}"))
        context.on("weberror", lambda error: self.alarms.append(f"error: {error.error}"))
        return context

    def refused(self, status: int) -> None:
        """Chromium reports on the console what is answered so; here that was meant."""
        self.alarms[:] = [one for one in self.alarms if f"status of {status} " not in one]

    def none(self) -> None:
        """Nothing was noticed so far."""
        assert self.alarms == []

    def _page(self, page: Any) -> None:
        if page.opener() is not None:
            self.alarms.append(f"opened: {page.url}")
        page.on("dialog", self._dialog)
        page.on("download", lambda file: self.alarms.append(f"download: {file.url}"))

    def _dialog(self, dialog: Any) -> None:
        self.alarms.append(f"dialog: {dialog.message}")
        dialog.dismiss()

    def _request(self, request: Any) -> None:
        url = urlsplit(request.url)
        if f"{url.scheme}://{url.netloc}" != self.address:
            self.alarms.append(f"asked elsewhere: {request.url[:300]}")
        elif not url.path.startswith(_OWN):
            self.asked.append(f"{request.method} {url.path}")


@dataclass
class Visitors:
    """Browsers at one desk: `enter("ann")` is a page of somebody who is logged in and may do what `role` may."""

    desk: DeskAt
    address: str
    browser: Any
    watch: Watch

    def context(self, name: str = "", role: Role = "reviewer", **options: Any) -> Any:
        """Of a stranger without `name`. Keyword arguments are Playwright's new_context's."""
        given = {"viewport": WIDE, "base_url": self.address, "locale": "en-GB", "timezone_id": "Europe/Berlin"}
        context = self.watch.over(self.browser.new_context(**given | options))
        context.set_default_timeout(30_000)
        if name:
            if self.desk.store.user(name) is None:
                self.desk.add(name, role)
            context.add_cookies([{"name": "listener", "value": self.desk.session(name), "url": self.address}])
        return context

    def enter(self, name: str = "", role: Role = "reviewer", path: str = "/", **options: Any) -> Any:
        page = self.context(name, role, **options).new_page()
        page.goto(path)
        return page

    def close(self) -> None:
        for context in self.browser.contexts:
            context.close()


def log_in(page: Any, name: str, password: str = PASSWORD) -> None:
    page.fill("#name", name)
    page.fill("#password", password)
    page.click("button.primary")


def said(page: Any, words: str) -> None:
    """Wait until the desk says so at the top of the page."""
    sync_api.expect(page.locator("#flash")).to_contain_text(words)


def says(body: str) -> Callable[[Any], None]:
    """A route that answers with this page, without any of the desk's headers."""
    return lambda route: route.fulfill(body=body, content_type="text/html")


def shot(page: Any, name: str, **options: Any) -> None:
    SHOTS.mkdir(exist_ok=True)
    page.screenshot(path=SHOTS / f"{name}.png", **options)


def overflow(page: Any) -> int:
    """By how many pixels the page is wider than the window."""
    return int(page.evaluate("() => document.documentElement.scrollWidth - innerWidth"))


def _chromium() -> str:
    named = os.environ.get("LISTENER_CHROMIUM", "")
    return next((found for name in ([named] if named else _NAMES) if (found := shutil.which(name))), "")


@pytest.fixture(scope="package")
def chromium() -> Iterator[Any]:
    """Not of the whole session: while Playwright runs, nothing else in the same thread may run an event loop."""
    path = _chromium()
    if not path:
        why = "no Chromium: install Debian's package chromium, or name one in LISTENER_CHROMIUM"
        pytest.fail(why) if os.environ.get("LISTENER_BROWSER") == "required" else pytest.skip(why)
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=_ARGUMENTS)
        yield browser
        browser.close()


@contextmanager
def visited(browser: Any, desk: DeskAt) -> Iterator[Visitors]:
    with desk.served() as address:
        visitors = Visitors(desk, address, browser, Watch(address))
        try:
            yield visitors
        finally:
            visitors.close()


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[DeskAt]:
    with LiveDesk(tmp_path, now=NOW) as made:
        yield made


@pytest.fixture
def visitors(chromium: Any, desk: DeskAt) -> Iterator[Visitors]:
    """Whatever else a test shows: the pages did nothing that nobody asked for."""
    with visited(chromium, desk) as made:
        yield made
        made.watch.none()

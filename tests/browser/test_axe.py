"""Whether everybody can read it: axe-core on each page, light and dark, wide and on a phone."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from listener.desk.app import ENTRIES
from storage.records import stamp
from storage.records_desk import View
from tests.browser.conftest import PHONE, WIDE, LiveDesk, Visitors, overflow, shot, visited
from tests.conftest import NOW
from tests.made import ago, arrival, audit, case, event

AXE = (Path(__file__).parent / "vendor" / "axe.min.js").read_text(encoding="utf-8")
LOOKS = {
    "light": {"color_scheme": "light", "viewport": WIDE},
    "dark": {"color_scheme": "dark", "viewport": WIDE},
    "phone": {"color_scheme": "light", "viewport": PHONE},
    "phone-dark": {"color_scheme": "dark", "viewport": PHONE},
}
LABELS = ("detractor", "promoter", "passive", "no_opinion", None)
TEXTS = (
    "Acme lost my order, and nobody answers. Terrible support, I want my money back.",
    "Acme is great: the import just works, and the people there are kind.",
    "Acme does what it says. How do I export invoices from Acme?",
)


def fill(desk: LiveDesk) -> dict[str, str]:
    """Pages that need an id: name → path."""
    made = [
        arrival(
            str(n),
            label=LABELS[n % 5],
            handle=f"author{n % 4}",
            text=f"{TEXTS[n % 3]} ({n}) {'averylongwordwithoutanyspace' * 8 if n == 4 else ''}",
            title="" if n % 2 else f"What Acme did to us, part {n}",
            at=ago(hours=n),
            published_at=ago(hours=n),
            thread=f"t{n // 2}",
            **({"rating": 2.0, "rating_scale": 5.0} if n % 4 == 0 else {}),
        )
        for n in range(24)
    ]
    desk.store.add_page(made, stamp(desk.now))
    for n, one in enumerate(made[::5]):
        held = {"state": "assigned", "assignee": "ann"} if n == 1 else {}
        desk.store.open_case(case(one, due_at=ago(hours=5 * n - 4), urgent_at=ago(hours=5 * n - 4), **held))
    noted = case(made[0], state="new")
    desk.store.act(event(noted, "noted", detail="Called them."), noted)
    desk.store.add_audit(*audit(made[1], made[6]))
    desk.store.save_view(View("Angry, last day", "", "label=detractor&since=24h", stamp(desk.now)))
    desk.app.settle()
    for name, role in (("ann", "admin"), ("bea", "reviewer"), ("vic", "viewer")):
        desk.add(name, role)  # type: ignore[arg-type]
    ids = [one.mentions[0][0].id for one in made]
    return {
        "mention": f"/mentions/{ids[0]}",
        "blind": f"/mentions/{ids[1]}",
        "missing": "/nothing-here",
        "filtered": "/mentions?label=detractor&q=acme&since=30d",
        "none": "/?q=nothing+at+all",
    }


PAGES = {
    one.path.strip("/") or "queue": one.path
    for one in ENTRIES
    if "GET" in one.methods and not re.search(r"[{.]|^/(api/|static|metrics|healthz|login)", one.path)
}
WITH_ID = ("mention", "blind", "missing", "filtered", "none")


@pytest.fixture(scope="module")
def looked_at(chromium: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Visitors, dict[str, str]]]:
    with LiveDesk(tmp_path_factory.mktemp("looks"), now=NOW) as desk:
        paths = PAGES | fill(desk)
        with visited(chromium, desk) as visitors:
            yield visitors, paths


@pytest.fixture(scope="module", params=LOOKS)
def page(request: pytest.FixtureRequest, looked_at: tuple[Visitors, dict[str, str]]) -> Iterator[tuple[Any, str]]:
    visitors, _ = looked_at
    context = visitors.context("ann", "admin", **LOOKS[request.param])
    yield context.new_page(), request.param
    context.close()


def serious(page: Any) -> list[str]:
    """axe's serious and critical violations, each with the first place."""
    page.evaluate(AXE)
    found = page.evaluate("() => axe.run({ resultTypes: ['violations'] })")["violations"]
    return [
        f"{one['id']} ({one['impact']}) ×{len(one['nodes'])}: {one['nodes'][0]['html'][:200]}"
        for one in found
        if one["impact"] in ("serious", "critical")
    ]


@pytest.mark.parametrize("name", [*PAGES, *WITH_ID])
def test_everybody_can_use_it(looked_at: tuple[Visitors, dict[str, str]], page: tuple[Any, str], name: str) -> None:
    visitors, paths = looked_at
    at, look = page
    at.goto(paths[name])
    if name in ("queue", "mentions"):
        at.keyboard.press("j")
        at.locator(".pick input").nth(2).check()
    shot(at, f"{name}-{look}".replace("/", "-"))
    assert overflow(at) == 0, "the page is wider than the window"
    if look in ("light", "phone-dark"):
        assert serious(at) == []
    visitors.watch.refused(404)
    visitors.watch.none()


@pytest.mark.parametrize("look", LOOKS)
def test_everybody_can_log_in(looked_at: tuple[Visitors, dict[str, str]], look: str) -> None:
    visitors, _ = looked_at
    at = visitors.enter(path="/login", **LOOKS[look])
    shot(at, f"login-{look}")
    assert overflow(at) == 0
    assert serious(at) == []
    at.context.close()

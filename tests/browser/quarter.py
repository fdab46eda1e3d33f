"""A quarter at the desk of a small company, so that every page has something to show: what was said, through the real
intake, and what two people did about it."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import timedelta
from typing import NamedTuple

from connectors.post import Author, Post, short_id
from listener.intake import Origin
from storage.records import Arrival, stamp
from storage.records_desk import Filter, View
from tests.desk import DeskAt
from tests.made import ago, audit, run

CONFIG = """
timezone = "Europe/Berlin"
[[brands]]
name = "Acme"
query = "acme"
rivals = ["Globex"]
[[brands]]
name = "Globex"
query = "globex"
""" + "".join(
    f'[[sources]]\ntype = "feed"\nname = "{name}"\nurl = "http://127.0.0.1:1/{name}"\n'
    for name in ("blogs", "forum", "app-reviews", "planet-of-small-companies")
)
DAYS = 91

_THINGS = ("invoice export", "calendar sync", "mobile app", "search", "printer setup", "table editor", "billing page")
_WHEN = ("since the update", "last week", "on Friday", "after two years with it", "this morning", "over the weekend")
_SAID = (
    (5, 5, "{brand} is excellent: the {thing} just works and we love it {when}."),
    (4, 5, "I recommend {brand} to everybody. The {thing} is wonderful, and support answered within the hour."),
    (4, 1, "The {thing} of {brand} is terrible {when}. Nobody answers, I am angry, and I want my money back."),
    (2, 1, "{brand} lost our data {when}. Awful {thing}, awful support, never again."),
    (2, 2, "{brand} ist furchtbar: {thing} geht nicht mehr, der Support ist eine Katastrophe."),
    (3, 3, "We use the {thing} in {brand}. It is okay, nothing special {when}."),
    (2, 4, "{brand} moved the {thing} to another menu {when}."),
    (1, 5, "{brand}の新しい画面は使いやすいです。"),
    (1, 5, "برنامج {brand} رائع جداً"),
)
"""How often of 24, the stars that a review gives with it, and the words."""

_ASKED = (
    "How can I export my invoices from Acme as a spreadsheet?",
    "Is there a way to export invoices from Acme as a spreadsheet?",
    "Does Acme work offline on Linux?",
)
_FANS = ("Ottoline Brask", "marnie_k", "Jun Takeda")
_TITLES = ("", "", "Acme, six months on", "What happened to my data")
_LONG = (
    "I have run Acme in our office for three years. Terrible: the last update of Acme lost our data, and support is "
    "awful.\n\nThe calendar lost every second appointment, "
    "search finds nothing, and nobody answers my mails. https://blog.example/2026/11/a-very-long-address-that-does-not-"
    "break-anywhere/and-goes-on/and-on/and-on?with=parameters&and=more\n\nI am angry, and I want my money back."
)


class Lived(NamedTuple):
    """Paths of mentions: one that waits for an answer, one drawn for a blind audit, one that was answered."""

    mention: str
    blind: str
    answered: str


def live(desk: DeskAt) -> Lived:
    """All of it, up to `desk.now`; leaves ann (admin), bea (reviewer) and vic (viewer) behind."""
    for name, role in (("ann", "admin"), ("bea", "reviewer"), ("vic", "viewer")):
        desk.add(name, role)  # type: ignore[arg-type]
    desk.app.sync_watches()
    drawing, today, answered = random.Random(7), desk.now, ""
    for back in range(DAYS, -1, -1):
        desk.now = today - timedelta(days=back)
        arrived = list(_day(desk, drawing, back))
        desk.store.add_page(arrived, stamp(desk.now))
        answered = _work(desk, arrived, drawing, back) or answered
    desk.now = today
    _listen(desk)
    desk.app.settle()
    blind = _people(desk, arrived)
    (mention,) = (one.cases[0].mention_id for one in arrived if one.post.text.startswith("I have run"))
    desk.client(name="bea").post(f"/mentions/{mention}/act", data={"action": "note", "value": "Called: line is busy."})
    return Lived(f"/mentions/{mention}", f"/mentions/{blind}", f"/mentions/{answered}")


def _day(desk: DeskAt, drawing: random.Random, back: int) -> Iterator[Arrival]:
    intake = desk.app.intake()
    for n in range(drawing.randint(3, 9) + (6 if back == 0 else 0)):
        at = desk.now - timedelta(minutes=drawing.randint(2, 1380))
        ((_, stars, template),) = drawing.choices(_SAID, [often for often, _, _ in _SAID])
        brand = drawing.choice(("Acme", "Acme", "Acme", "Globex"))
        body = template.format(brand=brand, thing=drawing.choice(_THINGS), when=drawing.choice(_WHEN))
        author = f"author{drawing.randint(1, 120)}"
        if n == 0 and back % 9 == 0:
            author, body = _FANS[back % 3], f"Acme is excellent, I love the {drawing.choice(_THINGS)}. Thank you all!"
        elif n == 1 and back % 6 == 0:
            body = _ASKED[back // 6 % 3]
        elif n == 2 and back == 0:
            author, body = "a.very.long.handle.that.somebody.chose@mastodon.example", _LONG
        source = drawing.choice(("blogs", "forum", "forum", "app-reviews"))
        review = {"rating": float(stars), "genre": "review"} if source == "app-reviews" else {}
        wrote = Author(author, author, f"https://people.example/{n}", drawing.choice((None, 12, 840, 15_300)))
        post = Post(
            *(
                "feed",
                f"{back}/{n}",
                f"https://posts.example/{back}/{n}",
                body,
                "plain",
                drawing.choice(_TITLES),
                wrote,
            ),
            published_at=at,
            thread=f"t{back}/{n // 2}",
            **review,  # type: ignore[arg-type]
        )
        yield from intake.arrivals([post], Origin(source), desk.store, desk.now)


def _work(desk: DeskAt, arrived: list[Arrival], drawing: random.Random, back: int) -> str:
    """What is flagged is answered in some hours until the day before yesterday; the id of one that was."""
    flagged = [case.mention_id for one in arrived for case in one.cases]
    if back > 1 and flagged:
        desk.later(hours=drawing.choice((0.2, 0.6, 2, 3, 7)))
        form = {"action": drawing.choice(("answered", "answered", "thanked", "ignore")), "ids": flagged}
        desk.client(name="bea").post("/bulk", data=form)
        return flagged[0]
    for its_id, action in zip(flagged, ("assign", "snooze", "claim") if back else ("claim",), strict=False):
        desk.client(name="bea").post(f"/mentions/{its_id}/act", data={"action": action})
    return ""


def _listen(desk: DeskAt) -> None:
    """Every watch was asked every day, but for the last one, which is refused."""
    for number, watch in enumerate(desk.store.watches()):
        failed = {"outcome": "failed", "error": "HTTP 403 from 127.0.0.1: the site refuses robots."}
        trouble = "forbidden" if number == 3 else ""
        for back in range(DAYS, -1, -1):
            one = run(watch, back)._replace(started_at=ago(days=back), finished_at=ago(days=back))
            desk.store.finish_run(one._replace(**failed) if number == 3 else one, ago(hours=-1), trouble=trouble)  # type: ignore[arg-type]


def _people(desk: DeskAt, today: list[Arrival]) -> str:
    """Notes, permissions, an answer, views, and an audit, of which one is labelled; the id of one that is not."""
    drawn = [one for one in today if one.mentions and not one.cases][:4]
    desk.store.add_audit(*audit(*drawn))
    client = desk.client(name="bea")
    praise = desk.store.mentions(Filter(brands=("Acme",), labels=("promoter",))).items
    for item, action in zip(praise[5:], ("asked", "granted", "refused"), strict=False):
        client.post("/praise/act", data={"mention": item.mention.id, "action": action})
    fans = [short_id("feed", name) for name in _FANS[:2]]
    for author, action in zip(fans, ("thanked", "contacted"), strict=True):
        client.post("/advocates/act", data={"author": author, "brand": "Acme", "action": action})
    question = next(one for one in desk.store.asked("Acme", ago(days=30), ago()) if one.post.text == _ASKED[0])
    form = {"mention": question.mention.id, "brand": "Acme", "url": "https://help.example/export/invoices"}
    client.post("/questions/act", data=form)
    first, *_, last = (one.mentions[0][0].id for one in drawn)
    client.post(f"/mentions/{first}/act", data={"action": "label:passive"})
    for name, query in (("Angry, last day", "label=detractor&since=24h"), ("Reviews", "source=app-reviews")):
        desk.store.save_view(View(name, "", query, stamp(desk.now)))
    return last

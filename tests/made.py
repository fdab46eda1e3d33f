"""Records made for tests, with only what a test is about spelled out."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

from connectors.post import short_id
from storage.records import (
    Alert,
    Arrival,
    Author,
    Delivery,
    Mention,
    Post,
    Run,
    Score,
    Watch,
    left_out,
    mention_id,
    stamp,
    voice_of,
)
from storage.records_desk import Case, CaseEvent, Session, User
from storage.records_nps import Audit, Draw
from storage.records_scoring import Review
from tests.conftest import NOW

AT = stamp(NOW)


def ago(**parts: float) -> str:
    return stamp(NOW - timedelta(**parts))


def author(handle: str = "ann", **others: Any) -> Author:
    made = Author(short_id("feed", handle), "feed", handle, handle, "", None, AT, AT, "")
    return made._replace(**others)


def post(source_id: str = "1", **others: Any) -> Post:
    made = Post(
        id=short_id("feed", source_id),
        kind="feed",
        source_id=source_id,
        source="blogs",
        url=f"https://blog.example/{source_id}",
        title="",
        text="Acme is great",
        raw="",
        markup="plain",
        author_id=None,
        author="",
        at=ago(hours=1),
        dated="stated",
        published_at=ago(hours=1),
        first_seen_at=AT,
        edited_at=None,
        deleted_at=None,
        genre="post",
        rating=None,
        rating_scale=None,
        language="",
        thread="",
        reach="{}",
        fingerprint="f1",
    )
    return made._replace(**others)


def mention(of: Post, brand: str = "Acme", label: str | None = "promoter", **others: Any) -> tuple[Mention, Score]:
    made = Mention(
        id=mention_id(of.id, brand),
        post_id=of.id,
        brand=brand,
        source=of.source,
        author_id=of.author_id,
        at=of.at,
        found_at=AT,
        genre=of.genre,
        why='["acme"]',
        label=label,
        value=0.5,
        confidence=0.7,
        language="en",
        unscored="" if label else "language",
        scorer="test@1",
        backfill=0,
        matched=1,
        voice=voice_of(of.author_id, of.id),
        left_out=left_out("", "", of.genre),
    )
    score = Score(made.id, AT, "test@1", label, 0.5, 0.7, "en", made.unscored, "{}", '[["great", 3.1]]')
    return made._replace(**others), score


def arrival(source_id: str = "1", *, brand: str = "Acme", label: str | None = "promoter", **others: Any) -> Arrival:
    """A post with one mention and no alert; `handle` gives it an author."""
    handle = others.pop("handle", "")
    by = author(handle) if handle else None
    value = others.pop("value", 0.5)
    made = post(source_id, **others)
    if by is not None:
        made = made._replace(author_id=by.id, author=by.name)
    return Arrival(made, by, (mention(made, brand, label, value=value),))


def audit(*drawn: Arrival, brand: str = "Acme", number: int = 1, **others: Any) -> tuple[Audit, list[Draw]]:
    """An audit of the first mentions of these posts, each drawn for certain unless `others` says of how many."""
    its_id = short_id("audit", brand, str(number))
    made = Audit(
        its_id, brand, "", "~", "seed", len(drawn), len(drawn), stamp(NOW + timedelta(minutes=number)), 0, 2**40
    )
    made = made._replace(**others)
    share = made.size / made.population
    return made, [Draw(its_id, one.mentions[0][0].id, "", share) for one in drawn]


def review(of: Arrival, label: str, number: int = 1, **others: Any) -> Review:
    """A person's label of a post's first mention."""
    mention_id = of.mentions[0][0].id
    at = stamp(NOW + timedelta(hours=number))
    made = Review(short_id(mention_id, label, str(number)), mention_id, label, "ann", at, "free")
    return made._replace(**others)


def case(of: Arrival, **others: Any) -> Case:
    """The work on a post's first mention, due in three hours."""
    its = of.mentions[0][0]
    return Case(its.id, its.brand, "new", "", AT, ago(hours=-3), ago(hours=-3))._replace(**others)


def event(before: Case | None, what: str = "noted", who: str = "ann", minute: int = 0, **others: Any) -> CaseEvent:
    """What somebody did to a case, so many minutes from now; `mention_id` where there is no case yet."""
    at = ago(minutes=-minute)
    mention_id = others.pop("mention_id", before.mention_id if before else "")
    as_json = json.dumps(before._asdict()) if before else ""
    made = CaseEvent(short_id(mention_id, what, who, at), mention_id, at, who, what, "", as_json)
    return made._replace(**others)


def user(name: str = "ann", **others: Any) -> User:
    return User(name, "reviewer", "$argon2id$…", AT)._replace(**others)


def session(number: int = 1, **others: Any) -> Session:
    """One of ann's that ends in an hour."""
    return Session(short_id("session", str(number)), "ann", AT, AT, ago(hours=-1))._replace(**others)


def alert(number: int = 1, channel: str = "chat", **others: Any) -> tuple[Alert, tuple[Delivery, ...]]:
    made = Alert(short_id("alert", str(number)), "rule", "Acme", None, stamp(NOW + timedelta(seconds=number)), "{}")
    waiting = Delivery(short_id(made.id, channel), made.id, channel, "waiting", 0, AT, "", None)
    return made._replace(**others), (waiting,)


def watch(source: str = "blogs", term: str = "", **others: Any) -> Watch:
    made = Watch(
        *(short_id(source, term), source, "feed", term, 1, 1, "", "", "", "", "", AT, 0, None, "", "", None, None, "")
    )
    return made._replace(**others)


def run(of: Watch, number: int = 1, **others: Any) -> Run:
    started = stamp(NOW + timedelta(minutes=number))
    return Run(short_id(of.id, str(number)), of.id, of.source, started, started, "ok", 3, 2, 0, 1, "")._replace(
        **others
    )

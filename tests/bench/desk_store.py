"""What the lists of the review desk cost the store, by themselves, on a large database.

`python -m tests.bench.desk_store PATH [MENTIONS]` fills PATH if it is not there (some minutes for a million).
"""

from __future__ import annotations

import itertools
import random
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from connectors.post import short_id
from storage import pages, sql_desk, sql_pull, sql_scoring
from storage.records import Mention, Post, Score, left_out, mention_id, stamp, voice_of
from storage.records_desk import Case, Filter
from storage.records_nps import Audit, Draw
from storage.records_scoring import Review
from storage.sqlite import SqliteStore
from tests.made import author, mention, post

NOW = datetime(2026, 11, 22, tzinfo=UTC)
BRANDS = ("Acme", "Beacon", "Corvid", "Dunlin")
SOURCES = tuple(f"source{number}" for number in range(12))
LABELS = ("promoter", "passive", "detractor", "no_opinion", None)
WORDS = [
    "slow",
    "great",
    "app",
    "login",
    "crash",
    "love",
    "support",
    "refund",
    "dark",
    "mode",
    "update",
    "price",
    "help",
    "thanks",
    "billing",
]
WORDS += [f"word{n}" for n in range(20_000)]
WEIGHTS = list(itertools.accumulate(1 / (n + 3) for n in range(len(WORDS))))
DAYS = 180
_OPEN, _CLOSED = ("new", "assigned", "waiting"), ("answered", "ignored", "not_us")
_PAGE = 20_000


def fill(path: Path, mentions: int) -> None:
    """Three of twenty mentions have a case: those of the last two weeks mostly open, of the older a tenth; some of the
    open ones wait. One mention in fifty has a person's label."""
    store = SqliteStore(path)
    store.migrate()
    with store._read_warm() as writer:
        for pragma in (
            "synchronous = OFF",
            "secure_delete = OFF",
            "cache_size = -400000",
            "wal_autocheckpoint = 100000",
        ):
            writer.execute(f"PRAGMA {pragma}")
    chance = random.Random(6)
    for start in range(0, mentions, _PAGE):
        rows = list(_rows(range(start, min(mentions, start + _PAGE)), mentions, chance))
        with store._write() as connection:
            known = {row[0].author_id or "" for row in rows}
            authors = [author("x")._replace(id=one, handle=one, reach=int(chance.paretovariate(0.7))) for one in known]
            connection.executemany(sql_pull.ADD_AUTHOR, authors)
            connection.executemany(sql_pull.ADD_POST, [row[0] for row in rows])
            connection.executemany(sql_pull.ADD_MENTION, [row[1] for row in rows])
            connection.executemany(sql_pull.ADD_SCORE, [row[2] for row in rows])
            pages.add_cases(connection, [case for row in rows if (case := _case(row[1], chance))])
            connection.executemany(
                sql_scoring.ADD_REVIEW, [_review(r[1], chance) for r in rows if chance.random() < 0.02]
            )
    for number in range(DAYS):
        for brand in BRANDS:
            _audit(store, brand, number, chance)
    while store.index_posts(50_000):
        pass
    store.close()


def said(brand: str, chance: random.Random) -> str:
    """10 to 50 words, the frequent ones in most posts, the rare in one of some thousand; the brand in their midst."""
    words = chance.choices(WORDS, cum_weights=WEIGHTS, k=chance.randint(10, 50))
    return " ".join((*words[:6], brand, *words[6:]))


def _rows(numbers: range, of: int, chance: random.Random) -> Iterator[tuple[Post, Mention, Score]]:
    base = post()
    known, known_score = mention(base)
    for n in numbers:
        by = short_id("author", str(int(of * 0.3 * chance.random() ** 2)))
        at = stamp(NOW - timedelta(days=DAYS) * (1 - n / of) - timedelta(seconds=chance.random() * 86400))
        source = SOURCES[int(len(SOURCES) * chance.random() ** 1.5)]
        label = chance.choices(LABELS, [30, 10, 20, 35, 5])[0]
        its_id = short_id("post", str(n))
        brand = chance.choices(BRANDS, [8, 4, 2, 1])[0]
        text = said(brand, chance)
        thread = f"t{int(of / 8 * chance.random())}" if n % 3 == 0 else ""
        made = base._replace(id=its_id, source_id=str(n), source=source, at=at, published_at=at, first_seen_at=at)
        made = made._replace(author_id=by, author=by, url=f"https://x.example/{n}", text=text, thread=thread)
        genre = chance.choices(["post", "news"], [9, 1])[0]
        found = known._replace(id=mention_id(its_id, brand), post_id=its_id, brand=brand, source=source, author_id=by)
        found = found._replace(at=at, found_at=at, label=label, confidence=0.5 + chance.random() / 2, genre=genre)
        found = found._replace(language=chance.choices(["en", "de", "es"], [7, 2, 1])[0], voice=voice_of(by, its_id))
        found = found._replace(unscored="" if label else "language", left_out=left_out("", "", genre))
        yield made, found, known_score._replace(mention_id=found.id, label=label)


def _case(of: Mention, chance: random.Random) -> Case | None:
    if chance.random() > 0.15:
        return None
    fresh = of.found_at > stamp(NOW - timedelta(days=14))
    open_one = chance.random() < (0.7 if fresh else 0.1)
    states, weights = (_OPEN, (70, 25, 5)) if open_one else (_CLOSED, (80, 16, 4))
    state = chance.choices(states, weights)[0]
    due = datetime.fromisoformat(of.found_at) + timedelta(hours=4)
    snoozed = stamp(NOW + timedelta(days=3) * chance.random()) if state == "waiting" else None
    who = "" if state == "new" else chance.choice(["ann", "bob"])
    urgent = stamp(due - timedelta(hours=6) * chance.random())
    return Case(of.id, of.brand, state, who, of.found_at, stamp(due), urgent, snoozed_until=snoozed)  # type: ignore[arg-type]


def _review(of: Mention, chance: random.Random) -> Review:
    label = chance.choice(["promoter", "detractor", "no_opinion", "not_us"])
    return Review(short_id("review", of.id), of.id, label, "ann", of.found_at, "flag")


def _audit(store: SqliteStore, brand: str, number: int, chance: random.Random) -> None:
    """Three a day, of which all but the last days' are labelled."""
    with store._read() as connection:
        (most,) = connection.execute("SELECT MAX(seq) FROM mentions").fetchone()
        seqs = [chance.randrange(most) for _ in range(3)]
        rows = connection.execute(f"SELECT id FROM mentions WHERE seq IN ({sql_desk.marks(seqs)})", seqs).fetchall()
    ids = [row[0] for row in rows]
    its_id = short_id("audit", brand, str(number))
    at = stamp(NOW - timedelta(days=DAYS - number))
    made = Audit(its_id, brand, "", "~", "seed", len(ids), 1000, at, 0, most)
    store.add_audit(made, [Draw(its_id, one, "", 0.003) for one in ids])
    if number < DAYS - 3:
        store.add_reviews(
            Review(short_id("r", its_id, one), one, "passive", "ann", at, "audit", 0.003, its_id) for one in ids
        )


def measure(store: SqliteStore) -> str:
    now, common, rare = stamp(NOW), "great support", "word9000"
    week = (stamp(NOW - timedelta(days=9)), stamp(NOW - timedelta(days=2)))
    acme = Filter(brands=("Acme",))
    asked: dict[str, Callable[[str], object]] = {
        "queue": lambda after: store.queue(Filter(), now, after),
        "queue, brand": lambda after: store.queue(acme, now, after),
        "queue, two brands": lambda after: store.queue(Filter(brands=("Beacon", "Dunlin")), now, after),
        "queue, source + language": lambda after: store.queue(
            Filter(sources=("source9",), languages=("es",)), now, after
        ),
        "queue, label not_us (rare)": lambda after: store.queue(Filter(labels=("not_us",)), now, after),
        "queue, assignee": lambda after: store.queue(Filter(assignee="bob"), now, after),
        "queue, common words": lambda after: store.queue(Filter(text=common), now, after),
        "queue, rare word": lambda after: store.queue(Filter(text=rare), now, after),
        "queue, rather rare word": lambda after: store.queue(Filter(text="word900"), now, after),
        "queue, rather common word": lambda after: store.queue(Filter(text="word300"), now, after),
        "queue, no such word": lambda after: store.queue(Filter(text="xyzzy"), now, after),
        "mentions": lambda after: store.mentions(Filter(), after),
        "mentions, brand": lambda after: store.mentions(acme, after),
        "mentions, brand + label": lambda after: store.mentions(acme._replace(labels=("detractor",)), after),
        "mentions, label not_us (rare)": lambda after: store.mentions(Filter(labels=("not_us",)), after),
        "mentions, answered": lambda after: store.mentions(Filter(states=("answered",)), after),
        "mentions, a week, rare source": lambda after: store.mentions(
            Filter(sources=("source11",), languages=("es",), since=week[0], until=week[1]), after
        ),
        "mentions, no such source": lambda after: store.mentions(Filter(sources=("none",)), after),
        "mentions, rating": lambda after: store.mentions(Filter(rating_at_most=2.0), after),
        "mentions, common words": lambda after: store.mentions(Filter(text=common), after),
        "mentions, common words + label": lambda after: store.mentions(
            Filter(text="great", labels=("detractor",), brands=("Acme",)), after
        ),
        "mentions, common + rare source": lambda after: store.mentions(
            Filter(text="great", sources=("source11",), brands=("Dunlin",)), after
        ),
        "mentions, rare word": lambda after: store.mentions(Filter(text=rare), after),
        "mentions, rather common + label": lambda after: store.mentions(
            Filter(text="word300", labels=("detractor",)), after
        ),
        "mentions, old week of words": lambda after: store.mentions(
            Filter(text="great", since=stamp(NOW - timedelta(days=120)), until=stamp(NOW - timedelta(days=113))), after
        ),
    }
    lines = [f"{'':<34} {'p50':>7} {'p95':>7} {'p99':>7} {'most':>7}  items on the last page; ms of CPU"]
    for name, ask in asked.items():
        lines.append(_row(name, *_pages(ask)))
    ids = [item.mention.id for item in store.mentions(Filter(), limit=200).items]
    lines.append(_row("whole", [_timed(lambda one=one: store.whole(one))[0] for one in ids], len(ids)))
    lines.append(_row("open_counts", [_timed(lambda: store.open_counts(now))[0] for _ in range(30)], 0))
    lines.append(_row("overdue, 100 of", [_timed(lambda: store.overdue(now))[0] for _ in range(10)], 0))
    return "\n".join(lines)


def _pages(ask: Callable[[str], object]) -> tuple[list[float], int]:
    """Sixty pages, one after another, from the first again at the end."""
    spent, after, items = [], "", 0
    for _ in range(60):
        taken, page = _timed(lambda: ask(after))  # noqa: B023
        spent.append(taken)
        after, items = page.after, len(page.items)  # type: ignore[attr-defined]
    return spent, items


def _timed(ask: Callable[[], object]) -> tuple[float, object]:
    """Milliseconds of this thread's CPU time, which others on the machine do not lengthen, and what was given."""
    started = time.thread_time()
    given = ask()
    return 1000 * (time.thread_time() - started), given


def _row(name: str, spent: list[float], items: int) -> str:
    ranked = sorted(spent)
    at = [ranked[min(int(len(ranked) * part), len(ranked) - 1)] for part in (0.5, 0.95, 0.99)]
    return f"{name:<34} " + " ".join(f"{one:>7.1f}" for one in (*at, ranked[-1])) + f"  {items}"


def run(place: str = "desk.db", mentions: str = "1000000") -> str:
    path = Path(place)
    if not path.exists():
        fill(path, int(mentions))
    store = SqliteStore(path)
    try:
        return measure(store)
    finally:
        store.close()


if __name__ == "__main__":
    print(run(*sys.argv[1:]))

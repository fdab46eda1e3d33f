"""A database as months of listening leave it, made in a minute: rows as the store writes them, many a transaction.

Mentions of one brand, evenly over `DAYS` days, in the order of their time. A tenth of the authors write 80 %; 2 % are
signed by nobody, 10 % are news, 5 % have no score, 5 % tell an earlier story again (an echo where the voice is the
same). Five sources, three languages. A random audit of all of them with 100 labels, and a draw of three each day, of
which every second is labelled.
"""

from __future__ import annotations

import random
import sqlite3
import sys
from datetime import datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from connectors.post import short_id
from listener.app import App
from listener.config import load
from storage import sql_nps, sql_pull, sql_scoring
from storage.records import Mention, Post, Run, Score, left_out, stamp, voice_of
from storage.records import mention_id as id_of_mention
from storage.records_nps import Audit, Draw
from storage.records_scoring import Review
from storage.sqlite import SqliteStore
from tests.made import arrival, author

DAYS = 90
BRAND = "Acme"
_SOURCES = ("blogs", "forum", "reviews", "social", "video")
_LABELS = ("promoter", "passive", "detractor", "no_opinion", None)
_VALUE = {"promoter": 0.6, "passive": 0.1, "detractor": -0.6, "no_opinion": 0.0}
_WORDS = ("slow", "great", "app", "login", "crash", "love", "support", "refund", "dark", "mode", "update", "cheap")
_SLICE = 20_000


def make(folder: Path, mentions: int, now: datetime) -> Path:
    """The configuration beside its database."""
    folder.mkdir()
    config = folder / "listener.toml"
    feeds = (f'[[sources]]\ntype = "feed"\nname = "{name}"\nurl = "https://{name}.example/f"\n' for name in _SOURCES)
    config.write_text(f'[[brands]]\nname = "{BRAND}"\nquery = "acme"\n' + "".join(feeds), encoding="utf-8")
    config.chmod(0o600)
    app = App(load(config, {}), lambda: now)
    assert isinstance(app.store, SqliteStore)
    _heard(app, now)
    app.keep_honest()  # what the configuration is from now on
    app.close()
    connection = sqlite3.connect(folder / "listener.db", isolation_level=None)
    connection.create_function("voice_of", 1, lambda text: 0)
    for pragma in ("synchronous = OFF", "cache_size = -200000"):
        connection.execute(f"PRAGMA {pragma}")
    _fill(connection, _Crowd(mentions, now))
    _audit(connection, mentions, now)
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    return config


def _heard(app: App, now: datetime) -> None:
    """Every source answered every day."""
    for watch in app.sync_watches():
        for day in range(DAYS + 1):
            at = stamp(now - timedelta(days=DAYS - day))
            app.store.finish_run(Run(short_id(watch.id, at), watch.id, watch.source, at, at, "ok", 9, 9, 0, 9, ""), at)


class _Crowd:
    """What all mentions share, and what has been told so far."""

    def __init__(self, mentions: int, now: datetime) -> None:
        self.chance = random.Random(mentions)
        self.mentions = mentions
        self.authors = [short_id("feed", f"a{number}") for number in range(mentions // 5)]
        self.began = now - timedelta(days=DAYS)
        self.step = timedelta(days=DAYS) / mentions
        self.template = arrival(text="")
        self.stories: list[str] = []
        self.told: dict[tuple[int, str], str] = {}

    def author(self) -> str | None:
        if self.chance.random() < 0.02:
            return None
        tenth = len(self.authors) // 10
        low, high = (0, tenth) if self.chance.random() < 0.8 else (tenth, len(self.authors))
        return self.authors[self.chance.randrange(low, high)]

    def story(self, post_id: str) -> str:
        if self.stories and self.chance.random() < 0.05:
            return self.chance.choice(self.stories[-2000:])
        self.stories.append(post_id)
        return post_id


class _Row(NamedTuple):
    post: Post
    mention: Mention
    score: Score


def _fill(connection: sqlite3.Connection, crowd: _Crowd) -> None:
    base = author("")
    signed = (base._replace(id=one, handle=one[:8], name=one[:8]) for one in crowd.authors)
    connection.execute("BEGIN")
    connection.executemany(sql_pull.ADD_AUTHOR, signed)
    connection.execute("COMMIT")
    for start in range(0, crowd.mentions, _SLICE):
        rows = [_row(crowd, number) for number in range(start, min(start + _SLICE, crowd.mentions))]
        connection.execute("BEGIN")
        connection.executemany(sql_pull.ADD_POST, [row.post for row in rows])
        connection.executemany(sql_pull.ADD_MENTION, [row.mention for row in rows])
        connection.executemany(sql_pull.ADD_SCORE, [row.score for row in rows])
        connection.execute("COMMIT")
    connection.execute("UPDATE posts_searchable SET upto = ?", (crowd.mentions,))  # searching is not measured here
    connection.execute(sql_pull.SET_SWEEP, ("stories", crowd.mentions, ""))


def _row(crowd: _Crowd, number: int) -> _Row:
    chance = crowd.chance
    post_id, author_id = short_id("feed", str(number)), crowd.author()
    its_id, voice = id_of_mention(post_id, BRAND), voice_of(author_id, post_id)
    story = crowd.story(post_id)
    told = crowd.told.setdefault((voice, story), its_id)
    repeats = told if told != its_id else ""
    at = stamp(crowd.began + number * crowd.step)
    source, genre = _SOURCES[int(5 * chance.random() ** 1.5)], "news" if chance.random() < 0.1 else "post"
    label = chance.choices(_LABELS, (30, 10, 20, 35, 5))[0]
    value = _VALUE[label] + chance.uniform(-0.2, 0.2) if label else 0.0
    confidence, language = chance.uniform(0.5, 1), chance.choices(("en", "de", "es"), (7, 2, 1))[0]
    text = f"Acme {' '.join(chance.choices(_WORDS, k=15))} {number}"
    post, (mention, score) = crowd.template.post, crowd.template.mentions[0]
    return _Row(
        post._replace(
            id=post_id,
            source_id=str(number),
            source=source,
            url=f"https://x.example/{number}",
            text=text,
            author_id=author_id,
            at=at,
            published_at=at,
            first_seen_at=at,
            genre=genre,
            story=story,
        ),
        mention._replace(
            id=its_id,
            post_id=post_id,
            source=source,
            author_id=author_id,
            at=at,
            found_at=at,
            genre=genre,
            label=label,
            value=value,
            confidence=confidence,
            language=language,
            unscored="" if label else "language",
            voice=voice,
            left_out=left_out("", repeats, genre),
            repeats=repeats,
        ),
        score._replace(
            mention_id=its_id,
            scored_at=at,
            label=label,
            value=value,
            confidence=confidence,
            language=language,
            unscored="" if label else "language",
        ),
    )


def _audit(connection: sqlite3.Connection, mentions: int, now: datetime) -> None:
    """The labels agree with the machine's in four of five cases."""
    chance = random.Random(2)
    connection.execute("BEGIN")
    one = Audit(short_id("one"), BRAND, "", "~", "seed", 100, mentions, stamp(now), 0, mentions)
    _draw(connection, one, 100, chance, now)
    for day in range(DAYS):
        at = now - timedelta(days=DAYS - 1 - day)
        after, upto = mentions * day // DAYS, mentions * (day + 1) // DAYS
        daily = Audit(short_id("daily", str(day)), BRAND, "", "~", str(day), 3, upto - after, stamp(at), after, upto)
        labelled = 3 * (day % 2)
        _draw(connection, daily._replace(day=f"{at:%Y-%m-%d}"), labelled, chance, at)
    connection.execute("COMMIT")


def _draw(connection: sqlite3.Connection, audit: Audit, labelled: int, chance: random.Random, now: datetime) -> None:
    connection.execute(sql_nps.ADD_AUDIT, audit)
    read = 0
    for seq in chance.sample(
        range(audit.after_seq + 1, audit.upto_seq + 1), min(2 * audit.size + 20, audit.population)
    ):
        if read == audit.size:
            break
        row = connection.execute("SELECT id, label, left_out FROM mentions WHERE seq = ?", (seq,)).fetchone()
        if row[2]:
            continue
        its_id, label = row[0], row[1] or "passive"
        said = label if chance.random() < 0.8 else chance.choice(_LABELS[:4])
        connection.execute(sql_nps.ADD_DRAW, Draw(audit.id, its_id, "", audit.size / audit.population))
        if read < labelled:
            label_id = short_id(audit.id, its_id)
            review = Review(label_id, its_id, said or "", "ann", stamp(now), "audit", None, audit.id)
            connection.execute(sql_scoring.ADD_REVIEW, review)
        read += 1


if __name__ == "__main__":
    make(Path(sys.argv[1]), int(sys.argv[2]), datetime.fromisoformat(sys.argv[3]))

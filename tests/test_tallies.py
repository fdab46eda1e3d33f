"""Whatever happens to mentions, in whatever order and from however many processes: the tallies are what a recount of
the mentions says."""

from __future__ import annotations

import multiprocessing
import random
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from listener.app import App
from listener.config import read
from listener.match.stories import tell_stories
from storage.records import Arrival, left_out, voice_of
from storage.records_nps import Tally, Told
from storage.records_scoring import Rescored
from storage.sqlite import SqliteStore
from tests.conftest import NOW
from tests.made import AT, ago, author, mention, post

_BRANDS = ("Acme", "Other")
_LABELS = ("promoter", "passive", "detractor", "no_opinion", None)
_FACTS = "brand, substr(at, 1, 10), source, genre, language, scorer, left_out, COALESCE(label, ''), unscored"
_COUNTED = "SELECT brand, day, source, genre, language, scorer, left_out, label, unscored, mentions, value FROM tallies"
_RECOUNTED = f"SELECT {_FACTS}, COUNT(*), SUM(value) FROM mentions WHERE matched = 1 AND at IS NOT NULL"


class Life:
    """What happens to a few posts that are told again and again, by chance."""

    def __init__(self, store: SqliteStore, chance: random.Random, posts: int = 12) -> None:
        self._store, self._chance, self._posts = store, chance, posts
        self._works = (self._page, self._page, self._page, self._bury, self._rescore, self._mark, self._tell, self._say)

    def step(self) -> None:
        self._chance.choice(self._works)()

    def _arrival(self) -> Arrival:
        """A new post or an edit, with any of the brands or none, in words that others use too."""
        pick, number = self._chance, self._chance.randrange(self._posts)
        words = " ".join(f"word{number % 3}x{place}" for place in range(12))
        by = author(f"author {number % 4}") if number % 5 else None  # a post keeps its author
        made = post(
            str(number),
            text=words,
            fingerprint=f"f{pick.randrange(1000)}",
            genre=("post", "review", "news")[number % 3],
            at=None if number % 7 == 6 else ago(hours=5 * number),
            author_id=by and by.id,
        )
        pairs = (mention(made, brand, pick.choice(_LABELS), **self._verdict()) for brand in _BRANDS)
        return Arrival(made, by, tuple(pair for pair in pairs if pick.random() < 0.7))

    def _verdict(self) -> dict[str, Any]:
        pick = self._chance
        return {
            "value": pick.uniform(-1, 1),
            "language": pick.choice(("en", "de")),
            "scorer": f"test@{pick.randrange(3)}",
        }

    def _page(self) -> None:
        self._store.add_page([self._arrival() for _ in range(3)], AT)

    def _bury(self) -> None:
        if self._chance.random() < 0.2:
            gone = self._arrival().post._replace(deleted_at=AT)
            self._store.add_page([Arrival(gone, None)], AT)

    def _rescore(self) -> None:
        pick = self._chance
        rescored = []
        for row in self._store.stale(pick.choice(_BRANDS), "none", 0, 5):
            _, score = mention(row.post, row.mention.brand, pick.choice(_LABELS))
            score = score._replace(value=pick.uniform(-1, 1), scorer=f"test@{pick.randrange(3)}")
            rescored.append(Rescored(score, pick.random() < 0.7, row.post.fingerprint))
        self._store.rescore(rescored)

    def _mark(self) -> None:
        by = author(f"author {self._chance.randrange(4)}")
        self._store.set_standing(by.id, self._chance.choice(("", "staff", "quarantined")))

    def _tell(self) -> None:
        tell_stories(self._store, NOW, limit=self._chance.randint(1, 5))

    def _say(self) -> None:
        """Whoever lost the race for a claim, or a hand-made story, writes in any order."""
        known = [one.id for _, one in self._store.posts(self._posts)]
        if known:
            told = self._chance.sample(known, min(2, len(known)))
            self._store.add_stories([Told(one, known[0]) for one in told], [])


def _rows(path: Path, statement: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(statement).fetchall()


def _agree(path: Path) -> None:
    counted = {row[:-2]: row[-2:] for row in _rows(path, _COUNTED) if row[-2]}
    recounted = {row[:-2]: row[-2:] for row in _rows(path, f"{_RECOUNTED} GROUP BY {_FACTS}")}
    assert {facts: many for facts, (many, _) in counted.items()} == {facts: n for facts, (n, _) in recounted.items()}
    assert all(abs(counted[facts][1] - value) < 1e-6 for facts, (_, value) in recounted.items())
    assert not _rows(path, "SELECT 1 FROM tallies WHERE mentions < 0")
    for author_id, post_id, voice, why, repeats, genre, standing in _rows(
        path,
        "SELECT m.author_id, m.post_id, m.voice, m.left_out, m.repeats, m.genre, COALESCE(a.standing, '') "
        "FROM mentions m LEFT JOIN authors a ON a.id = m.author_id",
    ):
        assert voice == voice_of(author_id, post_id)
        assert why in (left_out(standing, repeats, genre), left_out(standing, "", genre) or "echo")


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10**9), steps=st.integers(1, 60))
def test_the_tallies_are_a_recount_after_any_sequence_of_changes(tmp_path_factory: Any, seed: int, steps: int) -> None:
    path = tmp_path_factory.mktemp("life") / "listener.db"
    store = SqliteStore(path)
    store.migrate()
    life = Life(store, random.Random(seed))
    for _ in range(steps):
        life.step()
    _agree(path)
    for brand in _BRANDS:
        whole = sum(one.mentions for one in store.tallies(brand, "", "~"))
        assert whole == sum(one.mentions for one in _by_hand(path, brand))
    store.close()


def _by_hand(path: Path, brand: str) -> list[Tally]:
    rows = _rows(path, f"{_RECOUNTED} AND brand = '{brand}' GROUP BY {_FACTS}")
    return [Tally(*row[2:]) for row in rows]


def _live(path: Path, seed: int) -> None:
    store = SqliteStore(path)
    store.migrate()
    life = Life(store, random.Random(seed), posts=40)
    for _ in range(150):
        life.step()
    store.close()


def test_the_tallies_are_a_recount_with_two_processes_writing(tmp_path: Path) -> None:
    path = tmp_path / "listener.db"
    spawn = multiprocessing.get_context("spawn")
    processes = [spawn.Process(target=_live, args=(path, seed)) for seed in (1, 2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
        assert process.exitcode == 0
    _agree(path)
    assert _rows(path, "SELECT COUNT(*) FROM mentions") != [(0,)]


@pytest.mark.parametrize("called", ["Ann", "Éloïse", "support"])
def test_what_staff_wrote_before_they_were_known_as_such_is_left_out_too(tmp_path: Path, called: str) -> None:
    """Also where they write again before anybody looks for them, and where they have more accounts than fit a list."""
    table = {
        "brands": [{"name": "Acme", "query": "acme", "staff": [f"@{called}"]}],
        "sources": [{"type": "feed", "name": "blogs", "url": "https://blog.example/feed"}],
    }
    app = App(read(tmp_path / "listener.toml", table, {}), lambda: NOW)
    accounts = [author(f"{called}{number}", name=called) for number in range(30)]
    for standing in ("", "staff"):
        posts = [post(f"{standing}{one.id}", author_id=one.id) for one in accounts]
        known = [one._replace(standing=standing) for one in accounts]
        app.store.add_page([Arrival(p, by, (mention(p),)) for p, by in zip(posts, known, strict=True)], AT)
    app.keep_honest()
    counted = {one.left_out: one.mentions for one in app.store.tallies("Acme", "", "~")}
    app.close()
    assert counted == {"staff": 60}

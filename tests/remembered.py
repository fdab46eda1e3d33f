"""A store in which every table has something, hostile texts among it: for whoever must not lose any of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from connectors.post import short_id
from listener.databases import open_database
from storage.contract import Store
from storage.records import Arrival
from storage.records_desk import View
from storage.records_nps import Sketch, StoredReport, Told
from storage.records_scoring import Calibration, Rescored, WordRule
from storage.records_states import RuleLook, RuleState, Snooze
from storage.records_sweep import Sweep
from storage.records_tokens import Token
from storage.transfer import DERIVED
from tests import eventful
from tests.made import AT, ago, alert, arrival, audit, review, session, user

Rows = dict[str, list[tuple[Any, ...]]]

HOSTILE = (
    "a NUL \0 in the middle",
    "tab\tand\\backslash \\N \\. and\r\nlines\n\\.\n",
    "quotes ' \" ''; DROP TABLE posts; -- %s ? ?? $1 {}",
    "العربية \u202e right to left \u2066 and 👩‍👩‍👧‍👦 \U0001f1e9\U0001f1ea e\u0301 \ufffd \U0010ffff",
    "日本語とけいと" * 400,
    "",
    " ",
    "x" * 200_000,
)


def fill(store: Store) -> None:
    eventful.fill(store)  # type: ignore[arg-type]
    odd = [
        arrival(f"h{n}", handle=f"h'{n}\\", text=text, title=text[:50], source=f"odd{n}")  # so that a tally comes to 0
        for n, text in enumerate(HOSTILE)
    ]
    undated = arrival(
        "undated", at=None, published_at=None, dated="", rating=4.5, rating_scale=5.0, reach='{"likes":3}'
    )
    store.add_page([*odd, undated], AT)
    _change(store, odd)
    _people(store)
    _rules(store)
    _label(store, odd)
    while store.index_posts(100):
        pass


def _change(store: Store, odd: list[Arrival]) -> None:
    """One is edited, one taken away, one scored again, two are one story."""
    edited, gone, rescored, first, again = odd[1:6]
    store.add_page([edited._replace(post=edited.post._replace(text="edited", fingerprint="f2"))], ago(hours=-1))
    store.add_page([gone._replace(post=gone.post._replace(deleted_at=AT))], ago(hours=-2))
    score = rescored.mentions[0][1]._replace(
        scored_at=ago(hours=-1), scorer="test@2", label="detractor", value=0.1 + 0.2
    )
    store.rescore([Rescored(score, True, rescored.post.fingerprint)])
    store.add_stories(
        [Told(first.post.id, first.post.id), Told(again.post.id, first.post.id)],
        [Sketch(one.post.id, AT, "s", (number, 2**62, -(2**62))) for number, one in enumerate((first, again))],
    )
    store.set_sweep("recheck", Sweep(2**40, AT))


def _people(store: Store) -> None:
    store.add_user(user("ann"))
    store.add_user(user("Zoë 'Z'", disabled_at=AT))
    store.add_session(session())
    store.add_token(Token(short_id("token"), "ann", "a script", AT))
    store.note_login("ann", "127.0.0.1", AT, good=False)
    store.save_view(View("Angry", "", "label=detractor", AT))
    store.save_view(View("Angry", "ann", "label=detractor&since=24h", AT))


def _rules(store: Store) -> None:
    raised = alert(1), alert(2, "mail")
    store.fire(raised, [RuleState("spikes", "Acme", "spike", AT, AT, 1, None)], [RuleLook("spikes", "Acme", AT)])
    store.snooze_rule(Snooze("spikes", "", ago(hours=-4)))
    store.record_attempt(raised[0][1][0].id, "waiting", ago(hours=-1), "HTTP 500", None)
    store.set_channel("chat", open_at=ago(hours=-1))
    store.count_day("Acme", ago(days=1)[:10])
    store.add_word_rule(WordRule("w1", "Acme", "naïve", -1.5, AT, "ann"))
    store.add_calibration(Calibration("c1", "Acme", "test@1", AT, 60, '{"en": [0.1, 1e-300]}'))
    store.note("Acme", {"scorer": "test@1"}, AT)
    store.note("Acme", {"scorer": "test@2"}, ago(hours=-1))
    store.add_report(StoredReport("r1", "Acme", ago(days=7), AT, "text", AT, "f", "body\0", ""))


def _label(store: Store, odd: list[Arrival]) -> None:
    store.add_audit(*audit(*odd[:3]))
    store.add_reviews([review(odd[0], "detractor"), review(odd[1], "promoter", 2, sampled_by="flag")])


# -- looking at it


@contextmanager
def opened(url: str, *, migrated: bool = True) -> Iterator[Store]:
    with closing(open_database(url, Path("/"))) as store:
        if migrated:
            store.migrate()
        yield store


def everything(store: Store, *, without: frozenset[str] = frozenset()) -> Rows:
    """Every row of every table but the derived ones, columns by name; read without `storage.transfer`."""
    rows: Rows = {}
    with store.side.read() as connection:
        for table in sorted(store.side.tables(connection) - DERIVED - without):
            answer = connection.execute(f"SELECT * FROM {table}")
            names = [column[0] for column in answer.description]
            by_name = sorted(range(len(names)), key=names.__getitem__)
            rows[table] = sorted((tuple(row[place] for place in by_name) for row in answer), key=repr)
    return rows


def without_nul(rows: Rows) -> Rows:
    return {
        table: [tuple(v.replace("\0", "") if isinstance(v, str) else v for v in row) for row in its]
        for table, its in rows.items()
    }


def indexes(store: Store) -> set[str]:
    """As PostgreSQL words them."""
    with store.side.read() as connection:
        statement = "SELECT indexdef FROM pg_indexes WHERE schemaname = current_schema()"
        return {row[0] for row in connection.execute(statement)}

"""Whatever is searched for is words, never SQL or FTS syntax: found is what LIKE says, no row more or less."""

from __future__ import annotations

from pathlib import Path

import pytest

from storage.records_desk import Filter
from storage.sqlite import SqliteStore
from tests.made import AT, ago, arrival, author

INJECTIONS = (
    "' OR 1=1 --",
    "'; DROP TABLE posts; --",
    '" OR "a"="a',
    "1' UNION SELECT password FROM users --",
    "%' OR '%'='",
    "_%_",
    "100%",
    "\\' OR 1=1 --",
    "admin'/*",
    "*/ OR 1 /*",
    "quux NEAR(drop table, 5)",
    "NEAR quux",
    "quux AND NOT frob",
    "NOT quux",
    "OR",
    "AND",
    "title:quux",
    "author : frob",
    "{title text} : quux",
    "^quux",
    "quux*",
    "quux + frob",
    '"quux frob',
    '"',
    '""',
    "((quux",
    "quux))",
    "-quux",
    "quux^2",
    "posts_search MATCH 'x'",
    "rowid:1",
    "quux; SELECT 1",
    "?",
    "?1 :name @name $name",
    "{}",
    "x'53514c'",
    "CHAR(65)",
    "quux\tfrob",
    "\ufeffquux",
)

WORDLESS = tuple(text for text in INJECTIONS if not any(map(str.isalnum, text)))


@pytest.fixture
def stocked(store: SqliteStore) -> SqliteStore:
    """A post for each injection, tame ones beside them."""
    for number, text in enumerate((*INJECTIONS, "tame words of a bystander", "nothing to see")):
        made = arrival(f"{number}", handle=f"u{number}", text=f"{text} here", at=ago(minutes=number))
        store.add_page([made], AT)
    while store.index_posts():
        pass
    return store


def _like(store: SqliteStore, text: str) -> set[str]:
    """Posts in which each word of it stands by itself, as LIKE finds them among words apart by one space."""
    words = ["".join(letter if letter.isalnum() else " " for letter in part) for part in text.split()]
    asked = [" ".join(word.split()).casefold() for word in words]
    found = set[str]()
    for _, post in store.posts(1000):
        folded = "".join(letter if letter.isalnum() else " " for letter in f"{post.title} {post.text} {post.author}")
        said = f" {' '.join(folded.casefold().split())} "
        if any(asked) and all(f" {word} " in said for word in asked if word):
            found.add(post.id)
    return found


@pytest.mark.parametrize("text", INJECTIONS)
def test_a_search_for_it_finds_what_holds_its_words(stocked: SqliteStore, text: str) -> None:
    wanted = _like(stocked, text)
    assert {post.id for post in stocked.search(text, 1000)} == wanted
    assert bool(wanted) == (text not in WORDLESS)


@pytest.mark.parametrize("text", INJECTIONS)
@pytest.mark.parametrize("since", ["", ago(days=1)])
def test_a_list_filtered_by_it_finds_the_same(stocked: SqliteStore, text: str, since: str) -> None:
    listed = stocked.mentions(Filter(brands=("Acme",), text=text, since=since), limit=1000)
    assert {item.post.id for item in listed.items} == _like(stocked, text)


@pytest.mark.parametrize("text", INJECTIONS)
def test_as_any_other_filter_it_is_a_value_that_nothing_has(stocked: SqliteStore, text: str) -> None:
    for wanted in (
        Filter(brands=(text,)),
        Filter(sources=(text,)),
        Filter(languages=(text,)),
        Filter(labels=(text,)),
        Filter(states=(text,)),
        Filter(assignee=text),
    ):
        assert stocked.mentions(wanted, limit=1000).items == []
        assert stocked.queue(wanted, AT, audits=0).items == []
    assert stocked.findings(text, "", "~", (text,), 10) == []
    assert stocked.said(text, "", "~", text, 10) == []
    assert stocked.tallies(text, "", "~") == []
    assert stocked.authors_named(text) == []


def test_every_text_is_stored_as_it_was_and_nothing_was_dropped(stocked: SqliteStore) -> None:
    texts = {post.text for _, post in stocked.posts(1000)}
    assert texts >= {f"{text} here" for text in INJECTIONS}
    assert stocked.counts()["posts"] == len(INJECTIONS) + 2
    assert [one.author.handle for one in stocked.authors_named("u3")] == [author("u3").handle]


@pytest.mark.parametrize("text", INJECTIONS)
def test_as_a_place_to_go_on_from_it_is_the_beginning_or_the_end(stocked: SqliteStore, text: str) -> None:
    everything = len(INJECTIONS) + 2
    assert len(stocked.mentions(Filter(), after=text, limit=1000).items) in (0, everything)
    stocked.queue(Filter(), AT, after=text)


def test_a_database_whose_name_is_sql_is_a_file(tmp_path: Path) -> None:
    path = tmp_path / "a'; DROP TABLE posts; --.db"
    store = SqliteStore(path)
    store.migrate()
    store.add_page([arrival("1")], AT)
    assert path.exists() and store.counts()["posts"] == 1
    store.close()

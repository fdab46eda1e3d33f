"""Telling stories apart, from posts in a database to stories in it, against an exact hash of the folded text.

100,000 posts of 15 to 40 words drawn as a language draws them (Zipf), a tenth of them about the same three products in
the same phrases and under the same hashtags. A fifth are duplicates of three kinds: exact copies; reposts with another
link; and texts with one word in fifteen changed, put in or left out. What is written to the database besides is not
counted as ours: the posts are there before. Memory is what the process had more at its peak than with the posts stored.
"""

from __future__ import annotations

import hashlib
import random
import resource
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from listener.match.stories import fold, sketches, tell_stories
from storage.records_nps import Storyless
from storage.sqlite import SqliteStore
from tests.conftest import NOW
from tests.made import AT, arrival

KINDS = ("exact", "reposted", "edited")
_PAGE = 500
_VOCABULARY = 30_000
_PHRASES = ("the new acme kettle", "acme customer service", "my acme toaster")
_TAGS = " #acme #kitchen #home #review"


class _Made(NamedTuple):
    """`original` is the number of the post that it repeats, -1 for none."""

    text: str
    kind: str
    original: int


def run(posts: str = "100000") -> str:
    made = _posts(int(posts))
    with tempfile.TemporaryDirectory() as folder:
        store = SqliteStore(Path(folder) / "listener.db")
        store.migrate()
        _fill(store, made)
        before = _peak()
        size = _size(folder)
        started = time.process_time()
        assert tell_stories(store, NOW) == len(made)
        spent = time.process_time() - started
        grown, more = _peak() - before, _size(folder) - size
        stories = {post.source_id: post.story for _, post in store.posts(len(made))}
        store.close()
    ours = [stories[str(number)] for number in range(len(made))]
    sketched = _sketch_speed(made)
    hashed, hashes = _by_hash(made)
    lines = [f"{len(made):,} posts, {sum(one.original >= 0 for one in made):,} of them duplicates", ""]
    lines.append(f"{'':<24}{'ours':>12}{'exact hash':>12}")
    mine, theirs = _recall(made, ours), _recall(made, hashes)
    lines += [f"{'found, ' + kind:<24}{mine[kind]:>12.1%}{theirs[kind]:>12.1%}" for kind in KINDS]
    lines.append(f"{'false merges':<24}{_false(made, ours):>12}{_false(made, hashes):>12}")
    lines.append(f"{'sketched, posts/s':<24}{sketched:>12,.0f}{hashed:>12,.0f}")
    lines.append(f"{'told apart, posts/s':<24}{len(made) / spent:>12,.0f}")
    lines.append(f"{'more memory, MB':<24}{grown:>12.0f}")
    return "\n".join([*lines, f"{'bytes stored a post':<24}{more / len(made):>12,.0f}"])


def _posts(count: int) -> list[_Made]:
    chance = random.Random(20_261_122)
    words = [f"{chance.choice('bdfgklmnprst')}{n:x}{chance.choice('aeiou')}" for n in range(_VOCABULARY)]
    drawn = iter(chance.choices(words, [1 / (n + 3) for n in range(_VOCABULARY)], k=count * 40))
    made: list[_Made] = []
    originals: list[int] = []
    while len(made) < count:
        if originals and chance.random() < 0.2:
            original = chance.choice(originals)
            kind = chance.choice(KINDS)
            made.append(_Made(_repeated(made[original].text, kind, chance, words), kind, original))
            continue
        text = " ".join(islice(drawn, chance.randint(15, 40)))
        if chance.random() < 0.1:
            text = f"{chance.choice(_PHRASES)} {text}{_TAGS}"
        originals.append(len(made))
        made.append(_Made(f"{text} https://t.example/{len(made)}", "", -1))
    return made


def _repeated(text: str, kind: str, chance: random.Random, words: Sequence[str]) -> str:
    if kind == "exact":
        return text
    if kind == "reposted":
        body, _, _ = text.rpartition(" ")
        return f"RT @user{chance.randrange(1000)}: {body} https://s.example/{chance.random()}"
    edited = text.split(" ")
    for _ in range(max(1, len(edited) // 15)):
        place = chance.randrange(len(edited) - 1)
        edited[place : place + chance.choice((0, 1, 1))] = chance.choice(([], [chance.choice(words)]))
    return " ".join(edited)


def _fill(store: SqliteStore, made: Sequence[_Made]) -> None:
    chance = random.Random(3)
    for start in range(0, len(made), _PAGE):
        page = enumerate(made[start : start + _PAGE], start)
        store.add_page([arrival(str(n), text=one.text, handle=_author(chance)) for n, one in page], AT)


def _author(chance: random.Random) -> str:
    """A fifth of all posts are signed by nobody."""
    return f"a{chance.randrange(20_000)}" if chance.random() < 0.8 else ""


def _sketch_speed(made: Sequence[_Made]) -> float:
    posts = [Storyless(str(number), "", one.text, AT, "ann") for number, one in enumerate(made)]
    started = time.process_time()
    for start in range(0, len(posts), 2000):
        sketches(posts[start : start + 2000])
    return len(posts) / (time.process_time() - started)


def _by_hash(made: Sequence[_Made]) -> tuple[float, list[str]]:
    first: dict[str, str] = {}
    stories = []
    started = time.process_time()
    for number, one in enumerate(made):
        digest = hashlib.blake2b(fold(one.text).encode(), digest_size=16).hexdigest()
        stories.append(first.setdefault(digest, str(number)))
    return len(made) / (time.process_time() - started), stories


def _recall(made: Sequence[_Made], stories: Sequence[str]) -> dict[str, float]:
    """By kind, the share of duplicates that tell the story of what they repeat."""
    all_of = Counter(one.kind for one in made)
    found = Counter(one.kind for one, story in zip(made, stories, strict=True) if story == stories[one.original])
    return {kind: found[kind] / all_of[kind] for kind in KINDS}


def _false(made: Sequence[_Made], stories: Sequence[str]) -> int:
    """Posts in a story that began with neither them nor what they repeat, nor a repetition of that."""
    root = [number if one.original < 0 else one.original for number, one in enumerate(made)]
    begun: dict[str, int] = {}
    return sum(begun.setdefault(story, origin) != origin for story, origin in zip(stories, root, strict=True))


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _size(folder: str) -> int:
    return sum(path.stat().st_size for path in Path(folder).iterdir())

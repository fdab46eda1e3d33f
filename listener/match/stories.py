"""Which posts tell the same story: copies, reposts, and texts of which a few words were changed.

A text is folded to what people read in it: lower case, NFKC, no links, handles, marks or punctuation, no "RT @x:".
What is known of it is its exact hash and a MinHash sketch (Broder 1997; rensa's R-MinHash is the Fast Similarity
Sketching of Dahlgaard, Knudsen and Thorup 2017) of its pairs of neighbouring words, beginning and end counted as words.
Two texts are of one story when their sketches say that they share ALIKE of their pairs; to be compared at all they must
share a band (locality-sensitive hashing, Indyk and Motwani 1998). A sketch is compared with those of the stories' first
posts only, so that no story wanders from text to text.

A text with fewer than TELLING different pairs may well be two strangers' own words ("love it"): of such, only exact
copies by one known author are one story.
"""

from __future__ import annotations

import re
import struct
import unicodedata
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from hashlib import blake2b
from itertools import groupby, pairwise
from operator import eq

from rensa import RMinHash

from listener.match.words import APOSTROPHE, KINDS, OTHER, UNSPACED, normalise
from storage.contract_nps import Telling
from storage.records import moment, stamp
from storage.records_nps import Sketch, Storyless, Told

HORIZON = timedelta(days=30)
"""For how long after its first post, in whole UTC days, a story grows. The same words count anew after that."""

TELLING = 8
"""So many different pairs of words must a text have to be known by: seven words. Of single characters, as in Chinese,
twice as many."""

ALIKE = 0.7
"""The estimated Jaccard similarity from which two texts are of one story. The estimate's standard deviation is 0.04:
hardly a pair with a true 0.8 is missed, or one with 0.6 taken. One word of ten
changed leaves 0.69, of eighteen 0.81."""

_LONGEST = 20_000  # characters that are read: texts that are equal so far tell the same story
_SLOTS = 64
_ROWS, _BANDS = 4, 7
"""A pair of texts with a true similarity of 0.8 shares a band and is found alike in 98 of 100 cases, with 0.9 always,
with 0.6 in 2, with 0.5 never. Three slots to a band would do with five bands, but posts that all end in the same five
hashtags would meet ten times as often."""
_SEED = 20_261_122  # sketches of other seeds cannot be compared with those that are stored
_FULL = 32
"""First posts to a band. More of them means words that everybody repeats: a post of 55,000 that all end in the same
four would be compared with 500 others, not 6, to find 1 % more. Later first posts are found by their other bands, exact
copies always."""

_LINK = re.compile(r"(?:https?://|www\.)[!-~]+")  # ASCII only: Chinese goes on right behind a link
_HANDLE = re.compile(r"@[\w.@-]+")
_REPOST = re.compile(r"(?:\s*rt\b[\s:]*@[\w.@-]+:?)+")
_MOST_SPELLINGS = 20_000


class _Spellings(dict[int, str]):
    """Code point -> what stands for it, as str.translate wants it, remembered as characters are met."""

    def __missing__(self, code: int) -> str:
        spelling = _spelling(chr(code))
        if len(self) < _MOST_SPELLINGS:
            self[code] = spelling
        return spelling


def _spelling(character: str) -> str:
    kind = KINDS[character]
    if kind == APOSTROPHE:
        return ""
    if kind == UNSPACED or (kind == OTHER and unicodedata.category(character) == "So"):
        return f" {character} "  # a word of its own
    return " " if kind == OTHER or character == "_" else character


_SPELLINGS = _Spellings()


def fold(text: str) -> str:
    """The words of a text, apart by single spaces; "" when there are none. Characters of scripts without spaces, and
    emoji, are words. Linear in the first 20,000 characters, which are all that is read."""
    text = text[:_LONGEST]
    # What else `normalise` does to plain text, its white space, is all the same to what follows.
    text = text.lower() if text.isascii() else normalise(text)
    if "@" in text:
        repost = _REPOST.match(text)
        text = _HANDLE.sub(" ", text[repost.end() :] if repost else text)
    if "http" in text or "www." in text:
        text = _LINK.sub(" ", text)
    return " ".join(text.translate(_SPELLINGS).split())


def sketches(posts: Iterable[Storyless]) -> list[Sketch]:
    """What each post is known by: the first band is its exact hash. No bands at all: it can only tell its own story.

    Equal on every machine; the sketch is "" for texts that are too short, else 64 bytes in hex."""
    known = [(post, _folded(post)) for post in posts]
    telling = [_shingles(folded) for _, folded in known]
    digests = iter(_digests(list(filter(None, telling))))
    made = []
    for (post, folded), shingles in zip(known, telling, strict=True):
        sketch = ""
        bands: tuple[int, ...] = ()
        if shingles:
            sketch, of_slots = _cut(next(digests))
            bands = (_exact(folded), *of_slots)
        elif folded and post.author_id is not None:
            bands = (_exact(f"{folded}\n{post.author_id}"),)
        made.append(Sketch(post.post_id, post.first_seen_at, sketch, bands))
    return made


def likeness(sketch: str, other: str) -> float:
    """The estimated Jaccard similarity of two texts by their sketches; below 0 means 0.

    A slot is kept as one byte, which agrees by chance once in 256 times (b-bit minwise hashing, Li and König 2010)."""
    if sketch == other:
        return 1.0
    one, two = bytes.fromhex(sketch), bytes.fromhex(other)
    if len(one) != len(two):
        return 0.0
    equal: int = sum(map(eq, one, two))
    return (256 * equal / len(one) - 1) / 255


def tell_stories(store: Telling, now: datetime, limit: int = 2000) -> int:
    """Find the story of every post that has none, `limit` posts at a time; how many posts.

    What one call or many, in slices of any size, find is the same. After a kill the next call goes on where this one
    was. Two at once would each tell all stories: whoever calls holds a claim."""
    count = 0
    while posts := store.storyless(limit):
        for _, some in groupby(posts, _day):
            of_a_day = list(some)
            _forget(store, moment(of_a_day[0].first_seen_at))
            _tell(store, of_a_day)
        count += len(posts)
    if count:
        _forget(store, now)
    return count


def _day(post: Storyless) -> str:
    return post.first_seen_at[:10]


def _forget(store: Telling, now: datetime) -> None:
    before = stamp((now - HORIZON).replace(hour=0, minute=0, second=0, microsecond=0))
    while store.forget_sketches(before):
        pass


def _tell(store: Telling, posts: Sequence[Storyless]) -> None:
    sketched = sketches(posts)
    stories = _Stories(store.alike(sorted({band for sketch in sketched for band in sketch.bands})))
    told: list[Told] = []
    founders: list[Sketch] = []
    for sketch in sketched:
        story = stories.told_by(sketch)
        if story is None:
            story, founder = sketch.post_id, stories.begun_by(sketch)
            founders += [founder] if founder.bands else []
        told.append(Told(sketch.post_id, story))
    store.add_stories(told, founders)


class _Stories:
    """First posts of stories, by band."""

    def __init__(self, stored: Iterable[tuple[int, str, str]]) -> None:
        # Tuples, as most bands have one founder, who shares it with the others.
        self._by_band: dict[int, tuple[tuple[str, str], ...]] = {}
        for band, post_id, sketch in stored:
            self._by_band[band] = (*self._by_band.get(band, ()), (post_id, sketch))

    def told_by(self, sketch: Sketch) -> str | None:
        """The story most like it; of equals the one of the least id, as the order of storage is nobody's promise."""
        if not sketch.bands:
            return None
        if exact := self._by_band.get(sketch.bands[0]):
            return exact[0][0]
        met = {founder for band in sketch.bands[1:] for founder in self._by_band.get(band, ())}
        compared = [(-likeness(sketch.sketch, other), post_id) for post_id, other in met]
        unlikeness, story = min(compared, default=(0.0, ""))
        return story if -unlikeness >= ALIKE else None

    def begun_by(self, sketch: Sketch) -> Sketch:
        """The sketch as it is to be stored: without the bands that are full."""
        alone = ((sketch.post_id, sketch.sketch),)
        bands = []
        for band in sketch.bands:
            founders = self._by_band.get(band, ())
            if len(founders) < _FULL:
                self._by_band[band] = founders + alone
                bands.append(band)
        return sketch if len(bands) == len(sketch.bands) else sketch._replace(bands=tuple(bands))


def _folded(post: Storyless) -> str:
    """Many feeds begin the text with the title."""
    title, text = fold(post.title), fold(post.text)
    if not title or text.startswith(title):
        return text
    return f"{title} {text}" if text else title


def _shingles(folded: str) -> list[str]:
    """Pairs of neighbours; threes where most words are single characters, of which two say little. None if the text is
    too short to tell anything."""
    words = ["", *folded.split(" "), ""]
    few = TELLING
    if 2 * len(folded) < 5 * len(words) - 10:
        few = 2 * TELLING
        shingles = [f"{a}{b}{c}" for a, b, c in zip(words, words[1:], words[2:], strict=False)]
    else:
        shingles = [f"{a} {b}" for a, b in pairwise(words)]
    enough = len(shingles) >= few and (len(set(shingles[: 2 * few])) >= few or len(set(shingles)) >= few)
    return shingles if enough else []


def _digests(shingles: list[list[str]]) -> list[list[int]]:
    rows: list[list[int]] = RMinHash.digest_matrix_from_token_sets(shingles, _SLOTS, _SEED).to_rows()
    return rows


def _exact(text: str) -> int:
    digest = blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "little", signed=True)


def _cut(digest: Sequence[int]) -> tuple[str, tuple[int, ...]]:
    """The lowest byte of each slot, in hex; and bands of four slots' lowest 16 bits each."""
    whole = struct.pack(f"<{_SLOTS}I", *digest)
    halves = bytearray(2 * _ROWS * _BANDS)
    halves[0::2], halves[1::2] = whole[0 : 4 * _ROWS * _BANDS : 4], whole[1 : 4 * _ROWS * _BANDS : 4]
    return whole[::4].hex(), struct.unpack(f"<{_BANDS}q", halves)

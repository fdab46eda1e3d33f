"""Posts that tell the same story are found, others are left apart, whatever they are written in."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import combinations
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from listener.match.stories import ALIKE, HORIZON, fold, likeness, sketches, tell_stories
from listener.match.words import normalise
from storage.records import Arrival, stamp
from storage.records_nps import Sketch, Storyless, Told
from storage.sqlite import SqliteStore
from tests.conftest import NOW
from tests.made import AT, arrival, post

LONG = {
    "English": "I have used the Acme kettle every morning for two years now and the lid still closes with a proper click.",
    "German": "Seit zwei Jahren benutze ich jeden Morgen den Wasserkocher von Acme, und der Deckel schließt noch immer satt.",
    "Finnish": "Olen käyttänyt Acmen vedenkeitintä joka aamu jo kahden vuoden ajan ja kansi sulkeutuu edelleen napakasti kiinni.",
    "Russian": "Я пользуюсь чайником Acme каждое утро уже второй год подряд, и крышка до сих пор закрывается плотно и со щелчком.",
    "Greek": "Χρησιμοποιώ τον βραστήρα της Acme κάθε πρωί εδώ και δύο χρόνια και το καπάκι κλείνει ακόμα σφιχτά και σωστά.",
    "Arabic": "أستخدم غلاية أكمي كل صباح منذ سنتين كاملتين وما زال الغطاء يغلق بإحكام كما كان في اليوم الأول من شرائها.",
    "Hebrew": "אני משתמש בקומקום של אקמי כל בוקר כבר שנתיים תמימות והמכסה עדיין נסגר היטב בדיוק כמו ביום הראשון שקניתי אותו.",
    "Hindi": "मैं पिछले दो साल से हर सुबह एक्मे की केतली इस्तेमाल कर रहा हूँ और उसका ढक्कन आज भी पूरी तरह से बंद होता है।",
    "Korean": "저는 이 년 동안 매일 아침 애크미 주전자를 사용해 왔는데 뚜껑이 아직도 처음 산 날과 똑같이 아주 단단하게 잘 닫힙니다.",
    "Chinese": "我用这个水壶已经整整两年了,每天早上都要烧一次水,壶盖到现在还是关得很紧,和刚买回来的时候完全一样。",
    "Japanese": "このケトルを毎朝使い始めてからもう二年になりますが、ふたは今でも買った日と同じようにしっかりと閉まります。",
    "Thai": "ฉันใช้กาต้มน้ำของแอคมี่ทุกเช้ามาเป็นเวลาสองปีแล้วและฝาก็ยังปิดสนิทเหมือนวันแรกที่ซื้อมาจากร้านใกล้บ้าน",
}
CHANGED = {
    "English": ("click", "snap"),
    "German": ("jeden Morgen", "täglich"),
    "Finnish": ("napakasti", "tiukasti"),
    "Russian": ("плотно", "туго"),
    "Greek": ("σφιχτά", "καλά"),
    "Arabic": ("بإحكام", "جيدا"),
    "Hebrew": ("היטב", "חזק"),
    "Hindi": ("आज", "अब"),
    "Korean": ("단단하게", "튼튼하게"),
    "Chinese": ("完全", "一模"),
    "Japanese": ("二年", "三年"),
    "Thai": ("ใกล้", "หลัง"),
}
SHORT = "love it"


def _storyless(text: str, number: int = 0, *, title: str = "", by: str | None = None, at: str = AT) -> Storyless:
    return Storyless(f"{number:020x}", title, text, at, by)


def _sketch(text: str, **others: str | None) -> Sketch:
    return sketches([_storyless(text, **others)])[0]  # type: ignore[arg-type]


def _met(one: Sketch, other: Sketch) -> bool:
    return bool(set(one.bands) & set(other.bands)) and likeness(one.sketch, other.sketch) >= ALIKE


class Shelf:
    """`storage.contract_nps.Telling` in memory, as far as stories are told."""

    def __init__(self, posts: Sequence[Storyless]) -> None:
        self._posts = list(posts)
        self._sketches: list[Sketch] = []
        self.stories: dict[str, str] = {}
        self.calls = 0

    def storyless(self, limit: int) -> list[Storyless]:
        return [one for one in self._posts if one.post_id not in self.stories][:limit]

    def alike(self, bands: Sequence[int]) -> list[tuple[int, str, str]]:
        self.calls += 1
        wanted = set(bands)
        return [(band, one.post_id, one.sketch) for one in self._sketches for band in one.bands if band in wanted]

    def add_stories(self, told: Sequence[Told], sketches: Sequence[Sketch]) -> int:
        self.stories |= dict(told)
        self._sketches += sketches
        return 0

    def forget_sketches(self, before: str, limit: int = 5000) -> int:
        kept = [one for one in self._sketches if one.at >= before]
        gone, self._sketches = len(self._sketches) - len(kept), kept
        return gone

    def kept(self) -> list[Sketch]:
        return self._sketches


def _told(posts: Sequence[Storyless], limit: int = 2000, now: datetime = NOW) -> dict[str, str]:
    shelf = Shelf(posts)
    assert tell_stories(shelf, now, limit) == len(posts)  # type: ignore[arg-type]  # told of no windows
    return shelf.stories


def _told_texts(*texts: str, by: str | None = None) -> list[int]:
    """For each text the number of the text whose story it tells."""
    stories = _told([_storyless(text, number, by=by) for number, text in enumerate(texts)])
    return [int(stories[f"{number:020x}"], 16) for number in range(len(texts))]


# -- what a text is folded to


@pytest.mark.parametrize(
    ("written", "folded"),
    [
        ("Don't PANIC!", "dont panic"),
        ("RT @ann: Look at https://acme.example/x?utm_source=y #Acme", "look at acme"),
        ("rt @ann: RT @bob.example Look, www.acme.example", "look"),
        ("看这里https://t.example/abc很好", "看 这 里 很 好"),
        ("Ｆｕｌｌ　ｗｉｄｔｈ", "full width"),
        ("love\u200b it\ufe0f 👍🏽👍", "love it 👍 👍"),
        ("start @ann", "start"),
        ("", ""),
        ("@ann https://acme.example …!?", ""),
    ],
)
def test_a_text_is_folded_to_what_people_read_in_it(written: str, folded: str) -> None:
    assert fold(written) == folded


plain_pieces = [
    "RT @bob: ",
    " rt @b: @c ",
    "http://a.b/c",
    "www.x.y/z",
    "\n",
    " \t",
    "\x0b",
    "\x1c",
    "don't",
    "A_b",
    "--",
    "ok",
]


@given(st.lists(st.sampled_from(plain_pieces) | st.text(st.characters(codec="ascii"), max_size=5)).map("".join))
def test_how_a_plain_text_is_spaced_and_capitalised_says_nothing(text: str) -> None:
    """Folding leaves out what `normalise` would do to it: that must be all the same."""
    assert fold(text) == fold(normalise(text)) == fold(text.upper())


@given(st.text(max_size=400))
def test_any_text_can_be_sketched(text: str) -> None:
    made = _sketch(text, by="ann")
    assert len(made.bands) in (0, 1, 8)
    assert all(-(2**63) <= band < 2**63 for band in made.bands)


def test_a_title_that_the_text_begins_with_is_read_once() -> None:
    text = LONG["English"]
    assert _sketch(text, title="I have used the Acme kettle...").bands == _sketch(text).bands
    assert _sketch("", title=text).bands == _sketch(text).bands


# -- what is the same story


@pytest.mark.parametrize("language", LONG)
@pytest.mark.parametrize("form", ["{}", "RT @ann: {} https://t.example/1", "{} #news @bob", "  {}!!!\n", "So true: {}"])
def test_copies_reposts_and_texts_with_a_word_changed_are_one_story_in_every_script(language: str, form: str) -> None:
    old, new = CHANGED[language]
    edited = LONG[language].replace(old, new)
    assert edited != LONG[language]
    assert _told_texts(LONG[language], form.format(LONG[language]), edited) == [0, 0, 0]


def test_different_texts_are_different_stories_in_every_script() -> None:
    made = sketches([_storyless(text) for text in LONG.values()])
    assert all(one.sketch for one in made)
    for one, other in combinations(made, 2):
        assert not set(one.bands) & set(other.bands)
        assert likeness(one.sketch, other.sketch) < 0.1


def test_two_short_opinions_that_differ_in_their_last_word_are_two() -> None:
    assert _told_texts("the new acme kettle is really very good", "the new acme kettle is really very bad") == [0, 1]


def test_strangers_who_say_the_same_few_words_tell_two_stories_and_one_author_one() -> None:
    posts = [_storyless(SHORT, number, by=by) for number, by in enumerate(["ann", "bob", "ann", None, None])]
    posts.append(_storyless("Love it!! @acme", 5, by="bob"))
    assert [int(story, 16) for story in _told(posts).values()] == [0, 1, 0, 3, 4, 1]


@pytest.mark.parametrize("text", ["this is the best kettle ever", "这个手机真的很好用推荐大家"])
def test_what_strangers_may_well_say_in_the_same_words_is_no_story_of_both(text: str) -> None:
    posts = [_storyless(text, number, by=by) for number, by in enumerate(["ann", "bob"])]
    assert len(set(_told(posts).values())) == 2


def test_a_post_tells_the_story_it_is_most_like() -> None:
    words = _words(random.Random(17), 40)
    far, near = [*words[:34], *"abcdef"], ["u", *words[1:]]
    assert _told_texts(" ".join(far), " ".join(words)) == [0, 0]
    assert _told_texts(*(" ".join(text) for text in (far, near, words))) == [0, 1, 1]


def test_a_short_texts_sketch_is_like_no_long_texts() -> None:
    assert likeness("", _sketch(LONG["English"]).sketch) == likeness(_sketch(LONG["English"]).sketch, "") == 0


def test_a_short_text_is_known_by_its_exact_words_only() -> None:
    assert _told_texts("acme is good", "acme is bad", "acme is good", by="ann") == [0, 1, 0]
    assert len(_sketch("buy acme " * 10_000, by="ann").bands) == 1


def test_posts_without_words_each_tell_their_own() -> None:
    assert _told_texts("", "", "https://acme.example", "@acme", by="ann") == [0, 1, 2, 3]


def _words(chance: random.Random, count: int) -> list[str]:
    return [f"w{chance.randrange(50_000)}" for _ in range(count)]


def _pair(chance: random.Random, shared: int, own: int) -> tuple[str, str]:
    """Two texts of `shared` pairs of words in both and `own` only in the one, and as many only in the other."""
    words = _words(chance, shared)
    return tuple(" ".join([*words, *_words(chance, own)]) for _ in range(2))  # type: ignore[return-value]


@pytest.mark.parametrize(("shared", "own"), [(20, 1), (45, 4), (150, 17)])
def test_of_pairs_four_fifths_alike_nineteen_in_twenty_are_found(shared: int, own: int) -> None:
    """`own` more words leave `shared` pairs (beginning and first word too) of shared + 2 (own + 1) in all."""
    assert shared / (shared + 2 * (own + 1)) >= 0.79
    chance = random.Random(11)
    texts = [text for _ in range(600) for text in _pair(chance, shared, own)]
    made = sketches([_storyless(text) for text in texts])
    assert sum(map(_met, made[::2], made[1::2])) >= 0.95 * 600


def test_of_pairs_half_alike_none_is_taken() -> None:
    chance = random.Random(12)
    texts = [text for _ in range(600) for text in _pair(chance, 30, 14)]
    made = sketches([_storyless(text) for text in texts])
    assert sum(map(_met, made[::2], made[1::2])) == 0


def test_likeness_is_the_share_of_pairs_in_common() -> None:
    chance = random.Random(13)
    made = sketches([_storyless(text) for _ in range(500) for text in _pair(chance, 60, 19)])
    estimates = [likeness(one.sketch, other.sketch) for one, other in zip(made[::2], made[1::2], strict=True)]
    assert sum(estimates) / 500 == pytest.approx(60 / 100, abs=0.01)


def test_a_story_does_not_wander_from_text_to_text() -> None:
    """Each is like the one before it, the last unlike the first."""
    words = _words(random.Random(14), 30)
    texts = [" ".join(f"x{n}" if n < changed else word for n, word in enumerate(words)) for changed in range(0, 30, 3)]
    stories = _told_texts(*texts)
    assert stories[1] == 0
    assert len(set(stories)) > 2


# -- hostile texts


@pytest.mark.parametrize(
    "text",
    [
        "\0" * 1000,
        "🔥" * 100_000,
        "acme " * 200_000,
        "x" * 1_000_000,
        "水" * 1_000_000,
        "e" + "\u0301" * 300_000,
        "@" * 300_000,
        "RT @a: " * 100_000,
        "http" * 200_000,
        "www." * 200_000,
        "\u202e\u2066שלום acme\u2069" * 50_000,
        "\ud800 lone surrogates are no text \udfff but come all the same in some feeds",
        " ".join(str(n) for n in range(150_000)),
    ],
    ids=lambda text: ascii(text[:6]),
)
def test_a_hostile_text_costs_little(text: str) -> None:
    started = time.process_time()
    assert likeness(_sketch(text, by="ann").sketch, _sketch(text, by="ann").sketch) == 1
    assert time.process_time() - started < 0.5


def test_a_flood_of_half_alike_texts_fills_its_bands_and_no_more() -> None:
    """What everybody repeats must not make each post be compared with all others."""
    chance = random.Random(15)
    common = _words(chance, 20)
    posts = [_storyless(" ".join(common + _words(chance, 9)), number) for number in range(3000)]
    posts.append(posts[-1]._replace(post_id=f"{9999:020x}"))
    shelf = Shelf(posts)
    tell_stories(shelf, NOW, 500)  # type: ignore[arg-type]
    held: dict[int, int] = defaultdict(int)
    for sketch in shelf.kept():
        for band in sketch.bands:
            held[band] += 1
    assert max(held.values()) == 32
    assert shelf.stories[f"{9999:020x}"] == shelf.stories[f"{2999:020x}"]


# -- determinism


def test_a_sketch_is_the_same_on_every_machine() -> None:
    """Sketches are stored for weeks: a change of theirs, or of the library's, must not go unnoticed."""
    made = _sketch(LONG["English"])
    assert made.sketch.startswith("da48119eaf36391a")
    assert made.bands[:2] == (-5554011004237272229, -7089026378212256294)


def test_a_sketch_does_not_depend_on_pythons_hash_seed() -> None:
    code = (
        "from listener.match.stories import sketches; from storage.records_nps import Storyless; "
        f"print(sketches([Storyless('', '', {LONG['Japanese']!r}, '', None)]))"
    )
    printed = {
        subprocess.run(
            [sys.executable, "-c", code], env={"PYTHONHASHSEED": seed}, capture_output=True, text=True, check=True
        ).stdout
        for seed in ("1", "2")
    }
    assert len(printed) == 1
    assert "bands=()" not in printed.pop()


_VOCABULARY = [f"word{n}" for n in range(12)]
_TEXTS = st.lists(st.sampled_from(_VOCABULARY), min_size=1, max_size=14).map(" ".join)


@st.composite
def _arrivals(draw: st.DrawFn) -> list[Storyless]:
    """Posts that are much alike, in any order of ids, over two months, now and then out of order by a day."""
    texts = draw(st.lists(_TEXTS, min_size=1, max_size=6))
    chosen = draw(st.lists(st.tuples(st.sampled_from(texts), st.sampled_from([None, "ann", "bob"])), max_size=25))
    ids = draw(st.permutations(range(len(chosen))))
    days = sorted(draw(st.lists(st.integers(0, 60), min_size=len(chosen), max_size=len(chosen))))
    return [
        _storyless(text, ids[n], by=by, at=stamp(NOW - timedelta(days=60 - days[n] + draw(st.integers(0, 1)))))
        for n, (text, by) in enumerate(chosen)
    ]


@settings(max_examples=150, deadline=None)
@given(_arrivals())
def test_stories_do_not_depend_on_how_many_posts_are_taken_at_once(posts: list[Storyless]) -> None:
    assert _told(posts, 1) == _told(posts, 7) == _told(posts, 2000)


def test_stories_are_the_same_after_a_kill_between_slices() -> None:
    posts = [_storyless(LONG["English"], 1), _storyless(LONG["Greek"], 2), _storyless(LONG["English"], 3)]
    shelf = Shelf(posts)
    stored = shelf.add_stories

    def killed(told: Sequence[Told], sketches: Sequence[Sketch]) -> int:
        stored(told, sketches)
        raise KeyboardInterrupt

    shelf.add_stories = killed  # type: ignore[method-assign]
    with pytest.raises(KeyboardInterrupt):
        tell_stories(shelf, NOW, 2)  # type: ignore[arg-type]
    shelf.add_stories = stored  # type: ignore[method-assign]
    assert tell_stories(shelf, NOW, 2) == 1  # type: ignore[arg-type]
    assert shelf.stories == _told(posts)


# -- time


def test_the_same_words_a_month_later_are_a_new_story() -> None:
    days = [40, 39, 12, 8, 7]
    posts = [_storyless(LONG["English"], n, at=stamp(NOW - timedelta(days=ago))) for n, ago in enumerate(days)]
    assert [int(story, 16) for story in _told(posts).values()] == [0, 0, 0, 3, 3]


def test_nothing_is_kept_of_a_story_that_grows_no_more() -> None:
    shelf = Shelf([_storyless(LONG["English"])])
    tell_stories(shelf, NOW + HORIZON + timedelta(days=1))  # type: ignore[arg-type]
    assert shelf.kept() == []


def test_one_slice_asks_the_store_once() -> None:
    shelf = Shelf([_storyless(f"{text} {n}", n) for n, text in enumerate(LONG.values())])
    tell_stories(shelf, NOW)  # type: ignore[arg-type]
    assert shelf.calls == 1


# -- with the real store


def _left_out(store: SqliteStore) -> dict[str, str]:
    """By post, why its mentions do not count."""
    found = store.findings("Acme", "", "~", limit=100)
    return {finding.post.source_id: finding.mention.left_out for finding in found}


def _counted(store: SqliteStore, arrivals: Sequence[Arrival]) -> dict[str, int]:
    store.add_page(arrivals, AT)
    assert tell_stories(store, NOW) == len(arrivals)
    counts: dict[str, int] = defaultdict(int)
    for tally in store.tallies("Acme", "", "~"):
        counts[tally.left_out] += tally.mentions
    return dict(counts)


def test_an_author_who_repeats_a_story_is_counted_once_and_another_author_counts(store: SqliteStore) -> None:
    text = LONG["English"]
    arrivals = [
        arrival("1", text=text, handle="ann"),
        arrival("2", text=f"RT @ann: {text}", handle="ann"),
        arrival("3", text=text, handle="bob"),
        arrival("4", text=LONG["German"], handle="ann"),
        arrival("5", text=SHORT, handle="ann"),
        arrival("6", text=f"{SHORT}!", handle="ann"),
        arrival("7", text=SHORT, handle="bob"),
    ]
    assert _counted(store, arrivals) == {"": 5, "echo": 2}
    assert set(_left_out(store)) == {"1", "3", "4", "5", "7"}
    stories = store.stories("Acme", "", "~")
    assert [(story.story, story.mentions, story.voices) for story in stories] == [
        (post("1").id, 3, 2),
        (post("5").id, 2, 1),
    ]
    assert tell_stories(store, NOW) == 0


def test_posts_that_nobody_signed_are_nobody_s_echoes(store: SqliteStore) -> None:
    text = LONG["Russian"]
    arrivals = [
        arrival("1", text=text),
        arrival("2", text=text + "!"),
        arrival("3", text=text, source="forum"),
        arrival("4", text=SHORT),
        arrival("5", text=SHORT),
    ]
    assert _counted(store, arrivals) == {"": 5}


@pytest.mark.parametrize("limit", [1, 7])
def test_the_store_finds_the_same_stories_in_slices_of_any_size(store: SqliteStore, limit: int) -> None:
    chance = random.Random(16)
    texts = [" ".join(_words(chance, 20)) for _ in range(10)]
    arrivals = [arrival(str(n), text=chance.choice(texts) + f" {n}", handle=f"h{n % 5}") for n in range(60)]
    store.add_page(arrivals, AT)
    shelf = Shelf(store.storyless(100))
    tell_stories(shelf, NOW)  # type: ignore[arg-type]
    assert len(set(shelf.stories.values())) == 10
    tell_stories(store, NOW, limit)
    assert {one.id: one.story for _, one in store.posts(100)} == shelf.stories


def _steps_of_telling(path: Path, stories: int) -> int:
    """What SQLite's machine does while the second half of the posts is marked: one author tells every story twice."""
    store = SqliteStore(path)
    store.migrate()
    page = [arrival(str(number), handle="bot") for number in range(2 * stories)]
    store.add_page(page, AT)
    told = [Told(one.post.id, page[number % stories].post.id) for number, one in enumerate(page)]
    store.add_stories(told[:stories], [])
    steps = 0

    def count() -> int:
        nonlocal steps
        steps += 1
        return 0

    with store._write() as connection:
        connection.set_progress_handler(count, 50)
    assert store.add_stories(told[stories:], []) == stories
    with store._write() as connection:
        connection.set_progress_handler(None, 0)
    store.close()
    return steps


def test_who_repeats_twice_as_many_stories_costs_twice_as_much_and_not_four_times(tmp_path: Path) -> None:
    """All else waits meanwhile: it is done while the database is locked."""
    few, many = (_steps_of_telling(tmp_path / f"{stories}.db", stories) for stories in (200, 400))
    assert few and many < 2.5 * few

"""What people keep asking: the question in a mention, and which questions are the same. Pure and deterministic.

Two questions are the same when they share half of their telling words (Jaccard), those that are left without the brand,
question words and the like. Each is compared with the first ones only, so that no group wanders: first those that
somebody has said the answer to, then the oldest.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from listener.match.stories import fold
from listener.sentiment.focus import Focus, is_question, sentences
from storage.contract_people import Asking
from storage.records import Post
from storage.records_desk import Item
from storage.records_people import AnsweredAt

ALIKE = 0.5
_READ = 4_000  # characters of a text
_LONGEST = 240  # characters of a question as it is shown
_MOST_WORDS = 40

_MARKS = str.maketrans({"？": "? ", "؟": "? "})
_LINK = re.compile(r"https?://\S+")
_ENDING = re.compile(r"(?<=[a-z]{3})(?:ing|ed|es|s)$")
_BACKWARDS = str.maketrans("0123456789", "9876543210")

_PLAIN = frozenset(Path(__file__).with_name("question_words.txt").read_text(encoding="utf-8").split())
"""Words that say nothing of what is asked, in some languages; none of a language that is not among them."""


class Question(NamedTuple):
    """What a mention asks; `words` is what it is known by."""

    item: Item
    text: str
    words: frozenset[str]

    @property
    def at(self) -> str:
        return self.item.mention.at or self.item.mention.found_at


class Group(NamedTuple):
    """Questions that are the same, the newest first; `first` is the one they were compared with, which may be older
    than the window. `askers` is how many different people; `place` sorts as the list does: most askers first, then the
    newest."""

    first: Question
    asked: tuple[Question, ...]
    askers: int
    answer: AnsweredAt | None
    place: str


def asked_of(store: Asking, brand: str, rivals: Sequence[str], since: str, until: str) -> list[Group]:
    """Of a window, as far back as the store looks for questions."""
    return groups(store.asked(brand, since, until), store.answered_at(brand)[::-1], brand, rivals)


def groups(
    items: Iterable[Item], answered: Sequence[tuple[AnsweredAt, Item]], brand: str, rivals: Sequence[str] = ()
) -> list[Group]:
    """What the items ask about the brand; questions without a telling word are left out."""
    focus, own = Focus(brand, rivals), frozenset(fold(brand).split())
    seeds = [_question(item, focus, own) for _, item in answered]
    answers = {item.mention.id: answer for answer, item in answered}
    asked = sorted((_question(item, focus, own) for item in items), key=lambda one: (one.at, one.item.mention.id))
    known = _Known()
    for seed in seeds:
        known.begin(seed)
    for question in asked:
        if question.words:
            known.add(question)
    return sorted(
        (_group(first, its, answers.get(first.item.mention.id)) for first, its in known.groups() if its),
        key=lambda group: group.place,
    )


def question_of(post: Post, focus: Focus) -> str:
    """The first question in what is said of the brand; of a post that is a question by itself its title or its first
    words where it has no question mark; else ""."""
    text = post.text if post.text.startswith(post.title) else f"{post.title}\n{post.text}"
    said = _LINK.sub(" ", text[:_READ]).translate(_MARKS)
    told = [" ".join(one.split()) for one in sentences(focus.narrow(said))]
    found = next((one for one in told if is_question(one) and " " in one), "")
    if not found and post.genre == "question":
        found = " ".join((post.title or next(filter(None, told), "")).split())
    return found if len(found) <= _LONGEST else f"{found[:_LONGEST]}…"


class _Known:
    """First questions, by their words."""

    def __init__(self) -> None:
        self._groups: list[tuple[Question, list[Question]]] = []
        self._by_word: dict[str, list[int]] = {}

    def begin(self, question: Question) -> list[Question]:
        number, its = len(self._groups), list[Question]()
        self._groups.append((question, its))
        for word in question.words:
            self._by_word.setdefault(word, []).append(number)
        return its

    def add(self, question: Question) -> None:
        """To the group whose first question is most like it, the earliest of equals."""
        shared = Counter(number for word in question.words for number in self._by_word.get(word, ()))
        likeness = [(-self._likeness(number, question, both), number) for number, both in shared.items()]
        unlikeness, number = min(likeness, default=(0.0, 0))
        its = self._groups[number][1] if -unlikeness >= ALIKE else self.begin(question)
        its.append(question)

    def groups(self) -> Sequence[tuple[Question, list[Question]]]:
        return self._groups

    def _likeness(self, number: int, question: Question, both: int) -> float:
        return both / (len(self._groups[number][0].words) + len(question.words) - both)


def _question(item: Item, focus: Focus, own: frozenset[str]) -> Question:
    text = question_of(item.post, focus)
    words = [word for word in fold(text).split() if word not in _PLAIN and word not in own]
    return Question(item, text, frozenset(_ENDING.sub("", word) for word in words[:_MOST_WORDS]))


def _group(first: Question, its: Sequence[Question], answer: AnsweredAt | None) -> Group:
    askers = len({question.item.mention.voice for question in its})
    newest = tuple(reversed(its))
    place = f"{99_999 - askers:05}~{newest[0].at.translate(_BACKWARDS)}~{first.item.mention.id}"
    return Group(first, newest, askers, answer, place)

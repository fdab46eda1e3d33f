"""Word rules: what people say that a word weighs, in texts about one brand or about all.

A rule is never changed or deleted: a newer one for the same brand and word overrules it, undoing takes one back.
"""

from __future__ import annotations

import string
from collections.abc import Iterable, Iterator
from datetime import datetime

from connectors.post import short_id
from connectors.text import clean
from listener.intake import readable, text_of
from listener.rescore import Change, Step, label_of
from listener.sentiment.contract import Scorer
from listener.sentiment.lexicon import parse_overlay
from storage.contract import Scoring
from storage.records import stamp
from storage.records_scoring import Stale, WordRule

_ALL = ""
"""A scorer id that no score carries: every mention has another one."""

_LONGEST = 64


def word_rule(brand: str, word: str, valence: float, added_by: str, now: datetime) -> WordRule:
    """A new rule; `brand` "" is for all brands. Raises ValueError when no scorer could meet the word in a text, or
    for a valence that is not in −4..4."""
    bare = word.strip(string.punctuation)
    met = word if len(bare) <= 2 else bare  # short ones are emoticons, which VADER leaves whole
    try:
        sound = met == clean(word, _LONGEST) == word and word in parse_overlay(f"{word}\t0\t")
    except ValueError:
        sound = False
    if not sound:
        raise ValueError(
            f"a rule is for one word in lower case, without punctuation around it, not for '{clean(word, 40)}'"
        )
    if not -4 <= valence <= 4:
        raise ValueError(f"a word weighs -4 to 4, not {valence:g}")
    at = stamp(now)
    return WordRule(short_id("word rule", brand, word, repr(valence), at), brand, word, valence, at, added_by)


def in_force(rules: Iterable[WordRule]) -> list[WordRule]:
    """Of the rules that are not undone the newest for each brand and word; the oldest first."""
    newest: dict[tuple[str, str], WordRule] = {}
    for rule in sorted(rules, key=_age):
        if rule.undone_at is None:
            newest[rule.brand, rule.word] = rule
    return sorted(newest.values(), key=_age)


def words_of(rules: Iterable[WordRule]) -> dict[str, dict[str, float]]:
    """The rules in force as a scorer takes them: brand ("" for all) → word → valence. For a brand that has a word of
    its own, the scorer lets that one hold."""
    words: dict[str, dict[str, float]] = {}
    for rule in in_force(rules):
        words.setdefault(rule.brand, {})[rule.word] = rule.valence
    return words


def effects(
    store: Scoring, today: Scorer, then: Scorer, rule: WordRule, brand: str, since: str, limit: int = 500
) -> Iterator[Step]:
    """What labels of the brand's stored mentions, from `since` on, `then` sees otherwise than `today`, where the two
    differ by `rule` alone; nothing is stored. A step looks at up to `limit` mentions. `since` is a stamp; those without
    a believable date are left out."""
    after = 0
    while True:
        batch = store.stale(brand, _ALL, after, limit)
        inside = [stale for stale in batch if (stale.mention.at or "") >= since]
        concerned = [stale for stale in inside if _may_hold(readable(stale.post), rule.word)]
        after = batch[-1].seq if batch else after
        through = len(batch) < limit
        yield Step(after, len(inside), 0, tuple(_changes(concerned, today, then)), through)
        if through:
            return


def _changes(concerned: list[Stale], today: Scorer, then: Scorer) -> Iterator[Change]:
    texts = [text_of(stale.post, stale.mention.brand) for stale in concerned]
    for stale, old, new in zip(concerned, today.score_many(texts), then.score_many(texts), strict=True):
        before, after = label_of(old), label_of(new)
        if before != after:
            yield Change(stale.mention, stale.post, before, after)


def _may_hold(text: str, word: str) -> bool:
    """False when no scorer can find the word in the text."""
    return word in text.casefold()


def _age(rule: WordRule) -> tuple[str, str]:
    return rule.added_at, rule.id

"""VADER's rules: what the words around a sentiment word do to its valence, and punctuation to the whole.

Each function repeats an oddity of vaderSentiment 3.3.2 operation by operation, so that results are equal to the last
bit. `words` are stripped and in lower case.
"""

from __future__ import annotations

from collections.abc import Sequence
from heapq import heappop, heappush

from vaderSentiment.vaderSentiment import BOOSTER_DICT, C_INCR, N_SCALAR, NEGATE, SPECIAL_CASES

BOOSTERS: dict[str, float] = dict(BOOSTER_DICT)
NEGATED: float = N_SCALAR  # the factor of a negation
_LOUDER: float = C_INCR  # what capitals add
_NEGATIONS = frozenset(NEGATE)
_IDIOMS: dict[str, float] = dict(SPECIAL_CASES)
IDIOM_STARTS = frozenset(phrase.split()[0] for phrase in [*_IDIOMS, *BOOSTERS] if " " in phrase)

# Words that can change the valence of one beside them; so can whatever holds "n't", which no set can list.
STIRRING = frozenset({*BOOSTERS, *_NEGATIONS, *IDIOM_STARTS, "so", "this", "no", "least", "kind"})


def after_no(words: Sequence[str], i: int) -> bool:
    """Is the word at `i` negated by a "no" before it ("no good", "no real good", "no fuss or trouble")?"""
    if words[i - 1] == "no" or (i > 1 and words[i - 2] == "no"):
        return True
    return i > 2 and words[i - 3] == "no" and words[i - 1] in ("or", "nor")


def louder(valence: float) -> float:
    return valence + _LOUDER if valence > 0 else valence - _LOUDER


def boost(booster: str, valence: float, loud: bool) -> float:
    scalar = BOOSTERS[booster]
    if valence < 0:
        scalar *= -1
    if loud:
        scalar = scalar + _LOUDER if valence > 0 else scalar - _LOUDER
    return scalar


def _negates(word: str) -> bool:
    return word in _NEGATIONS or "n't" in word


def negate(valence: float, words: Sequence[str], i: int, step: int) -> float:
    """What the word `step` places before `i` does to the valence as a negation."""
    before = words[i - step]
    if step == 1:
        return valence * NEGATED if _negates(before) else valence
    nearer = words[i - step + 1]
    if step == 2:
        intense, doubtless = nearer in ("so", "this"), nearer == "doubt"
    else:
        last = words[i - 1]
        # The original's "a and b or c": a "so" or "this" right before the word counts without any "never".
        if last in ("so", "this"):
            return valence * 1.25
        intense, doubtless = nearer in ("so", "this"), "doubt" in (nearer, last)
    if before == "never" and intense:
        return valence * 1.25
    if before == "without" and doubtless:
        return valence
    return valence * NEGATED if _negates(before) else valence


def idiom(valence: float, words: Sequence[str], i: int) -> float:
    """Fixed phrases around the word at `i` (at least 3) override its valence; "kind of" and the like shift it."""
    three, two, one, zero = words[i - 3 : i + 1]
    bigram, trigram = f"{two} {one}", f"{three} {two} {one}"
    for phrase in (f"{one} {zero}", f"{two} {one} {zero}", bigram, trigram, f"{three} {two}"):
        if phrase in _IDIOMS:
            valence = _IDIOMS[phrase]
            break
    ahead = words[i : i + 3]
    for length in (2, 3):
        if len(ahead) >= length:
            valence = _IDIOMS.get(" ".join(ahead[:length]), valence)
    for phrase in (trigram, f"{three} {two}", bigram):
        valence += BOOSTERS.get(phrase, 0.0)
    return valence


def weigh_but(at: Sequence[int], valences: list[float], but: int) -> None:
    """Halve what stands before "but", raise what stands after it by half, in place.

    The original looks each valence up by its value and so changes the first place that holds the same value,
    sometimes twice, sometimes another's. The heaps keep, for each value, the places that (may) hold it, so that
    the first is found without a scan.
    """
    places: dict[float, list[int]] = {}
    for place, valence in enumerate(valences):
        places.setdefault(valence, []).append(place)  # ascending, hence a heap
    for place in range(len(valences)):
        value = valences[place]
        heap = places[value]
        while valences[heap[0]] != value:
            heappop(heap)
        first = heap[0]
        if at[first] != but:
            valences[first] = value * (0.5 if at[first] < but else 1.5)
            heappush(places.setdefault(valences[first], []), first)


def emphasis(text: str) -> float:
    """Up to four exclamation marks, and two or more question marks, make a text louder."""
    asked = text.count("?")
    questions = 0.0 if asked < 2 else asked * 0.18 if asked <= 3 else 0.96
    return min(text.count("!"), 4) * 0.292 + questions

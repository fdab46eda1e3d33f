"""English: VADER, the small model and the manner of a text, weighed against each other by a layer of weights.

What the layer looks at is `Spelling.features`; `listener.sentiment.train` fits its weights to people's labels, with
held-out scores of the model. Texts of up to SHORT words have a model and a layer of their own: the shares and averages
that tweets teach are wild there ("Not good" is half praise), and a few words are how people say the plainest things.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import repeat
from math import fsum, log1p
from operator import mul
from typing import Any, NamedTuple

from listener.sentiment.focus import is_question, sentences
from listener.sentiment.lexicon import overlaid, overlay
from listener.sentiment.model import Model, Triple, Weighed, shipped
from listener.sentiment.normal import normalise, words_among
from listener.sentiment.vader import Reading as Heard
from listener.sentiment.vader import Vader, stock

LANGUAGE = "en"

SHORT = 4
"""Words and stops of a normalised text up to which `SHORT_MODEL` reads it."""

SHORT_MODEL = "en-short"

NAMES = (
    "stock_neg", "stock_pos", "stock_compound",
    "support_neg", "support_neu", "support_pos", "support_compound", "compound_squared",
    "praise", "blame", "best", "worst", "praises", "blames", "first", "last", "silent",
    "negations", "exclaims", "asks", "question_word", "length", "handle", "handle_first", "hashtags", "link",
    "dots", "thanks", "quote", "but", "first_person", "support_blame",
)  # fmt: skip
"""Of the features, in order; after them come the model's three scores, centred."""

NEGATIONS = frozenset(
    [
        *("not", "no", "never", "none", "nothing", "cannot", "without", "nor", "neither", "nobody", "dont", "doesnt"),
        *("didnt", "isnt", "arent", "wasnt", "werent", "wont", "cant", "couldnt", "shouldnt", "wouldnt", "aint"),
        *("hasnt", "havent", "hadnt", "hardly"),
    ]
)
_ASKING = frozenset(["why", "how", "when", "where", "what", "who", "can", "could", "any", "anyone"])
_OURSELVES = frozenset(["i", "my", "me", "we", "our", "us", "im", "ive"])
_THANKS = frozenset(["thank", "thanks", "thx", "ty"])
_STANDING_IN = frozenset(["user", "url"])
_TURNS = frozenset(["but", "however", "though", "although", "yet"])
_STOPS = frozenset(".!?;:")
_CAPITALS = re.compile(r"[A-Z](?<!\w[A-Z])[A-Z]{2,}(?!\w)")  # a whole word; begins with a class, which is searched fast
_CUSTOMER = frozenset(
    [
        *("my", "your", "customer", "support", "service", "refund", "order", "account", "flight", "app", "update"),
        *("version", "website", "site", "delivery", "product", "email", "login", "subscription"),
    ]
)
_WAITING = re.compile(
    r"\b(?:still (?:waiting|no|not|cant|can't|havent|haven't)|on hold|no (?:reply|response|answer|help|luggage|refund)"
    r"|never (?:replied|responded|answered|arrived|received|came|heard back)"
    r"|(?:not|n't|nt) (?:received?|replied|responded|answered|arrived|respond|reply)"
    r"|hours? (?:delay|late|wait|on hold))\b",
    re.IGNORECASE,
)
_PLEASE = re.compile("p'?l'?e'?a'?s'?e", re.IGNORECASE)  # normalise takes the apostrophes out
# Chosen, not fitted: the tweets hold too few of them. Half as much again begins to cost there.
_BLAMED, _UNMET = 0.35, 2.5
_REACH = 4  # words after a negation that it turns round


class _Layer(NamedTuple):
    """A model, and what its scores and the features weigh for each label."""

    model: str
    rows: tuple[tuple[Sequence[float], float], ...]
    lean: Triple

    @classmethod
    def of(cls, model: str, fitted: Mapping[str, Any]) -> _Layer:
        rows = zip(fitted.get("weights", ()), fitted.get("bias", ()), strict=True)
        return cls(model, tuple(rows), tuple(fitted.get("lean", ())))

    def weighed(self, manner: list[float], modelled: Triple, grievance: float) -> Triple:
        x, y, z = modelled
        mean = (x + y + z) / 3
        features = [*manner, x - mean, y - mean, z - mean]
        negative, neutral, positive = [sum(map(mul, weights, features), bias) for weights, bias in self.rows]
        return negative + grievance, neutral, positive - grievance


class English:
    """Reads with `model`; safe to share between threads. Not bounded: give it what `focus.bounded` leaves."""

    def __init__(self, model: Model) -> None:
        self._model = model
        self._usual = _Layer.of(LANGUAGE, shipped().get("english", {}))
        self._short = _Layer.of(SHORT_MODEL, shipped().get("english_short", {}))
        self.spelling = Spelling()

    def scores(self, text: str, brand: str = "") -> Triple:
        """Logarithms of odds of (detractor, passive, promoter). Texts about a `brand` are customers' talk, others only
        where a word tells it."""
        return self.read([(text, brand)])[0][0]

    def read(self, asked: Sequence[tuple[str, str]]) -> list[tuple[Triple, Triple, Callable[[], Weighed]]]:
        """For each (text, brand) the scores, the lean to label them with, and what gives the words that carried them:
        those that VADER hears with their valences; where it hears none, those that the model does."""
        # Stage by stage rather than text by text, so that each finds itself in the processor's caches: a sixth faster.
        spelling = self.spelling
        texts, brands = [text for text, _ in asked], [brand for _, brand in asked]
        told = list(map(spelling.without_courtesy, texts, brands))
        heard = list(map(spelling.support.read, told))
        words = [words_among(its.spoken.tokens, text) for text, its in zip(told, heard, strict=True)]
        signed = list(map(spelling.signed, told, words))
        layers = [self._short if is_short(its) else self._usual for its in words]
        modelled = [self._model.plain(line, layer.model) for line, layer in zip(signed, layers, strict=True)]
        found = list(map(spelling.telling, words))
        manners = list(map(spelling.measured, told, found, heard))
        grievances = list(map(spelling.grievance, told, found, brands))
        scores = map(_Layer.weighed, layers, manners, modelled, grievances)
        said = map(partial, repeat(self._said), texts, told, heard, layers)
        return list(zip(scores, [layer.lean for layer in layers], said, strict=True))

    def _said(self, text: str, told: str, heard: Heard, layer: _Layer) -> Weighed:
        voiced = heard.words if told is text else self.spelling.support.words(text)
        return tuple(voiced) or self._model.words(text, layer.model)


def is_short(words: Sequence[str]) -> bool:
    """Whether a normalised line of these words is read as a text of few."""
    return len(words) <= SHORT


class Spelling:
    """What is measured of an English text, the same in training and in use."""

    def __init__(self) -> None:
        lexicon, emojis = stock()
        ours = overlay()
        self._stock = Vader(lexicon, emojis)
        self.support = Vader(overlaid(lexicon, ours), emojis)
        self._signs = _signs(overlaid(lexicon, ours))
        self._blame = {word: valence for word, valence in ours.items() if valence < 0}
        self._blaming = frozenset(self._blame)
        self._telling = self._blaming.union(NEGATIONS, _ASKING, _OURSELVES, _THANKS, _TURNS, _CUSTOMER, _STANDING_IN)
        self._has_none_of_ours = frozenset(ours).isdisjoint

    def signed(self, text: str, words: Sequence[str]) -> str:
        """The line that the English model reads: the normalised `words` of `text`, and behind them its polarity.

        It is told in signs: `_p1 _p2 _n1 _n2` stand for words of the lexicon (2: strong), with an x after the
        underscore within four words of a negation, `_z` for a negation, `_b` for but, `_.` and the like for stops, `_c`
        for a word in capitals. No word has an underscore once normalised.
        """
        signs = list(filter(None, map(self._signs.get, words)))
        if "_z" in signs:
            signs = list(_turned_round(map(self._signs.get, words)))
        if _CAPITALS.search(text):
            signs.append("_c")
        return " ".join([*words, *signs])

    def grievance(self, text: str, found: frozenset[str], brand: str) -> float:
        """What a customer's complaint says beyond what the layer hears: in the public's tweets, from which it learnt,
        words of support talk are rare and mean little. `found` are the telling words."""
        if not brand and found.isdisjoint(_CUSTOMER):
            return 0.0
        blame = -fsum([self._blame[word] for word in found & self._blaming])  # in any order the same
        return _BLAMED * blame + (_UNMET * len(_WAITING.findall(text)) if _may_wait(text) else 0.0)

    def without_courtesy(self, text: str, brand: str) -> str:
        """A customer's question or request praises nothing ("What is the best way to export my data?", "Please send me
        the link, thanks"), but it may complain."""
        if "?" not in text and ("lease" not in text or (text.isascii() and not _PLEASE.search(text))):
            return text
        told = sentences(text)
        kept = [one for one in told if self._tells(one, brand)]
        return text if len(kept) == len(told) else "\n".join(kept)

    def _tells(self, sentence: str, brand: str) -> bool:
        asks = is_question(sentence)
        if not asks and sentence.isascii() and not _PLEASE.search(sentence):
            return True
        said = frozenset(normalise(sentence).split(" "))
        if not (asks or "please" in said) or (not brand and said.isdisjoint(_CUSTOMER)):
            return True
        return self.support.polarity(sentence)[3] < 0

    def features(self, text: str, line: str) -> list[float]:
        """One number for each of NAMES, all of them about −3..3; `line` is the text normalised."""
        return self.measured(text, self.telling(line.split(" ")), self.support.read(text))

    def telling(self, words: Sequence[str]) -> frozenset[str]:
        """Those that any feature asks for, of the words of a normalised line."""
        return self._telling.intersection(words)

    def measured(self, text: str, found: frozenset[str], heard: Heard) -> list[float]:
        """The features, where the telling words are `found` already, and what `support` makes of the text."""
        support_neg, neutral, support_pos, support_compound = heard.polarity
        # A text without a word of the overlay is the same to both lexicons.
        same = self._has_none_of_ours(heard.spoken.words)
        neg, _, pos, compound = (heard if same else self._stock.weigh(heard.spoken)).polarity
        asks = text.count("?")
        return [
            neg, pos, compound,
            support_neg, neutral, support_pos, support_compound, support_compound * support_compound,
            *_voices(heard.valences),
            log1p(len(found & NEGATIONS)), log1p(text.count("!")), log1p(asks),
            float(asks > 0 and not found.isdisjoint(_ASKING)), log1p(len(text)) - 4,
            float("user" in found and "@" in text), float(text.startswith("@")), log1p(text.count("#")),
            float("url" in found), log1p(text.count("..")), float(not found.isdisjoint(_THANKS)),
            float('"' in text or "“" in text), float(not found.isdisjoint(_TURNS)), log1p(len(found & _OURSELVES)),
            log1p(len(found & self._blaming)),
        ]  # fmt: skip


def _turned_round(signs: Iterable[str | None]) -> Iterator[str]:
    """The signs of a line's words, those within reach of a negation marked."""
    negated = -1  # up to where
    for place, sign in enumerate(signs):
        if sign is None:
            continue
        if sign == "_z":
            negated = place + _REACH
        elif sign[1] in _STOPS:
            negated = -1
        elif place <= negated and sign != "_b":
            sign = f"_x{sign[1:]}"
        yield sign


_SILENT = (*[0.0] * 8, 1.0)


def _voices(weights: Sequence[float]) -> tuple[float, ...]:
    """The features from "praise" to "silent"."""
    if not weights:
        return _SILENT
    ups, downs = [w for w in weights if w > 0], [-w for w in weights if w < 0]
    return (
        log1p(sum(ups)), log1p(sum(downs)), max(ups) / 3 if ups else 0.0, max(downs) / 3 if downs else 0.0,
        log1p(len(ups)), log1p(len(downs)), weights[0] / 3, weights[-1] / 3, 0.0,
    )  # fmt: skip


def _may_wait(text: str) -> bool:
    """Whether `_WAITING` is worth asking: in each of its phrases one of these occurs."""
    said = text.lower()
    return (
        "still " in said
        or "never " in said
        or "on hold" in said
        or "hour" in said
        or "no re" in said
        or "no an" in said
        or "no he" in said
        or "no lu" in said
        or "t rec" in said
        or "t repl" in said
        or "t resp" in said
        or "t answ" in said
        or "t arr" in said
        # What an expression that ignores case takes for an s or an i.
        or "\u017f" in said
        or "\u0131" in said
        or "\u0307" in said
    )


def _signs(lexicon: Mapping[str, float]) -> dict[str, str]:
    """Word of a normalised line → its sign."""
    signs = {
        word.casefold(): f"_{'p' if valence > 0 else 'n'}{2 if abs(valence) >= 2 else 1}"
        for word, valence in lexicon.items()
        if word.isalpha() and valence
    }
    signs |= dict.fromkeys(("but", "however", "though"), "_b")
    signs |= {stop: f"_{stop}" for stop in _STOPS}
    signs |= dict.fromkeys(NEGATIONS, "_z")
    return signs

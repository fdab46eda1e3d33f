"""English: VADER, the small model and the manner of a text, weighed against each other by a layer of weights.

What the layer looks at is `Spelling.features`; `listener.sentiment.train` fits its weights to people's labels, with
held-out scores of the model.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from math import log1p
from operator import mul

from listener.sentiment.focus import is_question, sentences
from listener.sentiment.lexicon import overlaid, overlay
from listener.sentiment.model import Model, Triple, Weighed, shipped
from listener.sentiment.normal import normalise
from listener.sentiment.vader import Reading as Heard
from listener.sentiment.vader import Vader, stock

LANGUAGE = "en"

NAMES = (
    "stock_neg", "stock_pos", "stock_compound",
    "support_neg", "support_neu", "support_pos", "support_compound", "compound_squared",
    "praise", "blame", "best", "worst", "praises", "blames", "first", "last", "silent",
    "negations", "exclaims", "asks", "question_word", "length", "handle", "handle_first", "hashtags", "link",
    "dots", "thanks", "quote", "but", "first_person", "support_blame",
)  # fmt: skip
"""Of the features, in order; after them come the model's three scores, centred."""

_NEGATIONS = frozenset(
    [
        *("not", "no", "never", "none", "nothing", "cannot", "without", "nor", "neither", "nobody", "dont", "doesnt"),
        *("didnt", "isnt", "arent", "wasnt", "werent", "wont", "cant", "couldnt", "shouldnt", "wouldnt", "aint"),
        *("hasnt", "havent", "hadnt", "hardly"),
    ]
)
_ASKING = frozenset(["why", "how", "when", "where", "what", "who", "can", "could", "any", "anyone"])
_OURSELVES = frozenset(["i", "my", "me", "we", "our", "us", "im", "ive"])
_THANKS = frozenset(["thank", "thanks", "thx", "ty"])
_TURNS = frozenset(["but", "however", "though", "although", "yet"])
_STOPS = frozenset(".!?;:")
_CAPITALS = re.compile(r"\b[A-Z]{3,}\b")
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


class English:
    """Reads with `model`; safe to share between threads. Not bounded: give it what `focus.bounded` leaves."""

    def __init__(self, model: Model) -> None:
        self._model = model
        self._layer = shipped().get("english", {})
        self.spelling = Spelling()

    @property
    def lean(self) -> Triple:
        x, y, z = self._layer["lean"]
        return x, y, z

    def scores(self, text: str, brand: str = "") -> Triple:
        """Logarithms of odds of (detractor, passive, promoter). Texts about a `brand` are customers' talk, others only
        where a word tells it."""
        return self.read(text, brand)[0]

    def words(self, text: str) -> Weighed:
        """The words that VADER hears with their valences; where it hears none, those that the model does."""
        return self.read(text)[1]

    def read(self, text: str, brand: str = "") -> tuple[Triple, Weighed]:
        """Both of the above in one pass."""
        spelling = self.spelling
        told = spelling.without_courtesy(text, brand) if "?" in text or "lease" in text else text
        line = normalise(told)
        heard = spelling.support.read(told)
        said = tuple(heard.words if told is text else spelling.support.words(text))
        if not said:
            whole = line if told is text else normalise(text)
            said = self._model.words_of(whole, LANGUAGE)
        return self._weighed(told, line, heard, brand), said

    def _weighed(self, text: str, line: str, heard: Heard, brand: str) -> Triple:
        x, y, z = self._model.scores_of(self.spelling.signed(text, line), LANGUAGE)
        mean = (x + y + z) / 3
        features = [*self.spelling.measured(text, line, heard), x - mean, y - mean, z - mean]
        negative, neutral, positive = (
            sum(map(mul, weights, features), bias)
            for weights, bias in zip(self._layer["weights"], self._layer["bias"], strict=True)
        )
        grievance = self.spelling.grievance(text, line, brand)
        return negative + grievance, neutral, positive - grievance


class Spelling:
    """What is measured of an English text, the same in training and in use."""

    def __init__(self) -> None:
        lexicon, emojis = stock()
        ours = overlay()
        self._stock = Vader(lexicon, emojis)
        self.support = Vader(overlaid(lexicon, ours), emojis)
        self._signs = _signs(overlaid(lexicon, ours))
        self._blame = {word: valence for word, valence in ours.items() if valence < 0}
        self._has_none_of_ours = frozenset(ours).isdisjoint

    def signed(self, text: str, line: str) -> str:
        """The line that the English model reads: the normalised `line` of `text` and, behind it, its polarity in signs.

        `_p1 _p2 _n1 _n2` stand for words of the lexicon (2: strong), with an x after the underscore within four words
        of a negation, `_z` for a negation, `_b` for but, `_.` and the like for stops, `_c` for a word in capitals. No
        word has an underscore once normalised.
        """
        signs = []
        negated = 0
        known = self._signs
        for word in line.split(" "):
            if sign := known.get(word):
                if sign == "_z":
                    negated = _REACH + 1
                elif word in _STOPS:
                    negated = 1
                elif negated and sign != "_b":
                    sign = f"_x{sign[1:]}"
                signs.append(sign)
            if negated:
                negated -= 1
        if _CAPITALS.search(text):
            signs.append("_c")
        return f"{line} {' '.join(signs)}".rstrip()

    def grievance(self, text: str, line: str, brand: str) -> float:
        """What a customer's complaint says beyond what the layer hears: in the public's tweets, from which it learnt,
        words of support talk are rare and mean little."""
        found = frozenset(line.split(" "))
        if not brand and found.isdisjoint(_CUSTOMER):
            return 0.0
        blame = -sum(self._blame[word] for word in found & self._blame.keys())
        return _BLAMED * blame + (_UNMET * len(_WAITING.findall(text)) if _may_wait(text) else 0.0)

    def without_courtesy(self, text: str, brand: str) -> str:
        """A customer's question or request praises nothing ("What is the best way to export my data?", "Please send me
        the link, thanks"), but it may complain."""
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
        return self.measured(text, line, self.support.read(text))

    def measured(self, text: str, line: str, heard: Heard) -> list[float]:
        """The features, where what `support` makes of the text is known already."""
        support_neg, neutral, support_pos, support_compound = heard.polarity
        # A text without a word of the overlay is the same to both lexicons.
        same = self._has_none_of_ours(heard.looked_up)
        neg, _, pos, compound = heard.polarity if same else self._stock.polarity(text)
        weights = [weight for _, weight in heard.words]
        ups, downs = [w for w in weights if w > 0], [-w for w in weights if w < 0]
        words = line.split(" ")
        found = frozenset(words)
        asks = text.count("?")
        return [
            neg, pos, compound,
            support_neg, neutral, support_pos, support_compound, support_compound * support_compound,
            log1p(sum(ups)), log1p(sum(downs)), max(ups, default=0.0) / 3, max(downs, default=0.0) / 3,
            log1p(len(ups)), log1p(len(downs)),
            weights[0] / 3 if weights else 0.0, weights[-1] / 3 if weights else 0.0, float(not weights),
            log1p(len(found & _NEGATIONS)), log1p(text.count("!")), log1p(asks),
            float(asks > 0 and not found.isdisjoint(_ASKING)), log1p(len(text)) - 4,
            float("user" in found and "@" in text), float(text.startswith("@")), log1p(text.count("#")),
            float("url" in found), log1p(text.count("..")), float(not found.isdisjoint(_THANKS)),
            float('"' in text or "“" in text), float(not found.isdisjoint(_TURNS)), log1p(len(found & _OURSELVES)),
            log1p(len(found & self._blame.keys())),
        ]  # fmt: skip


def _may_wait(text: str) -> bool:
    """Whether `_WAITING` is worth asking: in each of its phrases one of these occurs."""
    said = text.lower()
    return (
        "no" in said
        or "nt " in said
        or "n't " in said
        or "ever " in said
        or "ll " in said
        or "hold" in said
        or "hour" in said
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
    signs |= dict.fromkeys(_NEGATIONS, "_z")
    return signs

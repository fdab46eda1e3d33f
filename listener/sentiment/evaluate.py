"""How right a scorer is, measured against labels that people gave."""

from __future__ import annotations

from array import array
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from listener.sentiment.contract import LABELS, Verdict

POLARITY = {"detractor": "negative", "passive": "neutral", "no_opinion": "neutral", "promoter": "positive"}
"""Our labels in the three classes that most data sets have."""

POLARITIES = ("negative", "neutral", "positive")  # in the order of a verdict's probabilities
GOLD = (*LABELS, *POLARITIES)
"""What a person's label may be. One of the three classes anywhere makes the whole comparison three-way."""

UNSCORED = "unscored"
BINS = 10

_MOST_GROUPS = 200
_OTHERS = "(others)"
_SIGN = {"promoter": 1, "positive": 1, "detractor": -1, "negative": -1}


class Judged(NamedTuple):
    """A text that a person (`gold`, of GOLD) and a scorer have judged. Without `language`, the scorer's own counts."""

    gold: str
    verdict: Verdict
    language: str = ""
    source: str = ""


class OfLabel(NamedTuple):
    """How well one label is found among the scored texts; shares 0..1, each 0 where it would be 0/0."""

    precision: float
    recall: float
    f1: float
    n: int
    predicted: int


class Agreement(NamedTuple):
    """Shares 0..1; net scores, 100 × (promoters − detractors) / n, in points. All 0 when n is 0.

    `macro_f1` is the mean over the labels that people gave. (scikit-learn's default also averages in a 0 for each label
    that only the scorer gave, so that one stray answer would move the mean by a quarter.)
    `net_error` is predicted − true.
    """

    n: int
    accuracy: float
    macro_f1: float
    net_predicted: float
    net_true: float
    net_error: float


class Figures(NamedTuple):
    """`scored_only` leaves out what the scorer could not read. `all_texts` counts that as wrong, and compares the net
    score of the texts that were read with the true one of all. `unscored` counts by reason. `confusion` is gold →
    predicted (or UNSCORED) → texts. `ece` is None for a scorer without probabilities."""

    n: int
    scored: int
    unscored: dict[str, int]
    scored_only: Agreement
    all_texts: Agreement
    labels: dict[str, OfLabel]
    confusion: dict[str, dict[str, int]]
    ece: float | None

    @property
    def coverage(self) -> float:
        return self.scored / self.n if self.n else 0.0

    def told(self) -> dict[str, Any]:
        """As JSON knows it, with stable keys."""
        return self._asdict() | {
            "coverage": self.coverage,
            "scored_only": self.scored_only._asdict(),
            "all_texts": self.all_texts._asdict(),
            "labels": {name: of._asdict() for name, of in self.labels.items()},
        }


class _Tally:
    """What the figures of a group of texts are made of, in a few bytes a text."""

    def __init__(self) -> None:
        self.pairs: Counter[tuple[str, str]] = Counter()
        self.unscored: Counter[str] = Counter()
        self._sureness = array("d")
        self._right = bytearray()

    def add(self, gold: str, verdict: Verdict) -> None:
        self.pairs[gold, verdict.label or UNSCORED] += 1
        if verdict.label is None:
            self.unscored[verdict.unscored] += 1
        elif len(verdict.probabilities) == len(POLARITIES):
            polarity = POLARITY[verdict.label]
            self._sureness.append(verdict.probabilities[POLARITIES.index(polarity)])
            self._right.append(POLARITY.get(gold, gold) == polarity)

    def figures(self, three_way: bool) -> Figures:
        pairs: Counter[tuple[str, str]] = Counter()
        for (gold, predicted), n in self.pairs.items():
            both = (POLARITY.get(gold, gold), POLARITY.get(predicted, predicted)) if three_way else (gold, predicted)
            pairs[both] += n
        read = Counter({pair: n for pair, n in pairs.items() if pair[1] != UNSCORED})
        names = POLARITIES if three_way else LABELS
        found = {name: _of_label(read, name) for name in names}
        given = [name for name in names if any(gold == name for gold, _ in pairs)]
        return Figures(
            n=pairs.total(),
            scored=read.total(),
            unscored=dict(sorted(self.unscored.items())),
            scored_only=_agreement(read),
            all_texts=_agreement(pairs),
            labels={name: of for name, of in found.items() if of.n or of.predicted},
            confusion={gold: {said: pairs[gold, said] for said in (*names, UNSCORED)} for gold in given},
            ece=calibration_error(self._sureness, self._right) if self._right else None,
        )


class Evaluation:
    """Collects what was judged, in any order, and says the figures of all, by language and by source.

    Beyond 200 languages or sources the later ones are put together as "(others)".
    """

    def __init__(self, judged: Iterable[Judged] = ()) -> None:
        self.three_way = False
        self._overall = _Tally()
        self._languages: dict[str, _Tally] = defaultdict(_Tally)
        self._sources: dict[str, _Tally] = defaultdict(_Tally)
        for one in judged:
            self.add(one)

    def add(self, judged: Judged) -> None:
        """Raises ValueError when the gold label is none of GOLD."""
        gold, verdict, language, source = judged
        if gold not in GOLD:
            raise ValueError(f"'{gold[:40]}' is no label: there are {', '.join(GOLD)}")
        self.three_way = self.three_way or gold in POLARITIES
        self._overall.add(gold, verdict)
        _group(self._languages, language or verdict.language or "unknown").add(gold, verdict)
        _group(self._sources, source or "unknown").add(gold, verdict)

    @property
    def overall(self) -> Figures:
        return self._overall.figures(self.three_way)

    @property
    def languages(self) -> dict[str, Figures]:
        """The most texts first."""
        return self._by_size(self._languages)

    @property
    def sources(self) -> dict[str, Figures]:
        """The most texts first."""
        return self._by_size(self._sources)

    def told(self) -> dict[str, Any]:
        """As JSON knows it, with stable keys."""
        return {
            "three_way": self.three_way,
            "overall": self.overall.told(),
            "languages": {name: figures.told() for name, figures in self.languages.items()},
            "sources": {name: figures.told() for name, figures in self.sources.items()},
        }

    def _by_size(self, tallies: Mapping[str, _Tally]) -> dict[str, Figures]:
        figures = {name: tally.figures(self.three_way) for name, tally in tallies.items()}
        return dict(sorted(figures.items(), key=lambda one: (-one[1].n, one[0])))


def calibration_error(sureness: Iterable[float], right: Iterable[int | bool]) -> float:
    """The expected calibration error, 0..1: the mean over ten bins of |share that was right − mean probability|.

    `sureness` is the probability of the class that was said, always one of the three, `right` whether it was true. The
    bins hold equally many texts, in order of probability (Naeini et al., AAAI 2015; with equal mass: Nguyen and
    O'Connor, EMNLP 2015), which keeps bins from being empty or tiny. Texts of equal probability count with the share of
    them that was right, so that no order among them, by chance or by sorting, can change the result.
    """
    ties: dict[float, list[int]] = defaultdict(lambda: [0, 0])
    for probability, hit in zip(sureness, right, strict=True):
        tie = ties[probability]
        tie[0] += 1
        tie[1] += bool(hit)
    n = sum(count for count, _ in ties.values())
    gaps = [0.0] * BINS
    place = 0
    for probability, (count, hits) in sorted(ties.items()):
        gap = hits / count - probability
        while count:
            bin_ = min(place * BINS // n, BINS - 1)
            taken = min(count, -(-(bin_ + 1) * n // BINS) - place)
            gaps[bin_] += taken * gap
            place, count = place + taken, count - taken
    return sum(map(abs, gaps)) / n if n else 0.0


def _group(tallies: dict[str, _Tally], name: str) -> _Tally:
    return tallies[name if name in tallies or len(tallies) < _MOST_GROUPS else _OTHERS]


def _of_label(pairs: Counter[tuple[str, str]], label: str) -> OfLabel:
    n = sum(count for (gold, _), count in pairs.items() if gold == label)
    predicted = sum(count for (_, said), count in pairs.items() if said == label)
    both = pairs[label, label]
    return OfLabel(_share(both, predicted), _share(both, n), _share(2 * both, n + predicted), n, predicted)


def _agreement(pairs: Counter[tuple[str, str]]) -> Agreement:
    n = pairs.total()
    right = sum(count for (gold, said), count in pairs.items() if gold == said)
    scores = [_of_label(pairs, gold).f1 for gold in {gold for gold, _ in pairs}]
    said = sum(_SIGN.get(label, 0) * count for (_, label), count in pairs.items())
    true = sum(_SIGN.get(label, 0) * count for (label, _), count in pairs.items())
    read = n - sum(count for (_, label), count in pairs.items() if label == UNSCORED)
    predicted_net, true_net = 100 * _share(said, read), 100 * _share(true, n)
    macro = sum(sorted(scores)) / len(scores) if scores else 0.0
    return Agreement(n, _share(right, n), macro, predicted_net, true_net, predicted_net - true_net)


def _share(part: float, whole: float) -> float:
    return part / whole if whole else 0.0

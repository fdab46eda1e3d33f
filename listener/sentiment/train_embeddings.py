"""Rebuilds embeddings_head.json from labelled texts: `python -m listener.sentiment.train_embeddings DATA [VECTORS]`.

DATA is JSON lines (compressed when it ends in .gz) with text, label (negative, neutral, positive) and lang. VECTORS
("e5.vectors" in the working folder unless told) keeps what the engine has read, so that a run that was stopped goes on
from there: it reads some 30 texts a second and core. Every eighth text, by its hash, is held out, to measure
a head learnt from the others and to find its temperatures; the head that is written has learnt from all of them. Needs
the extra `embeddings`, which brings in numpy.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import struct
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from listener.sentiment import e5
from listener.sentiment.contract import Verdict
from listener.sentiment.embeddings_fit import layers, temperatures
from listener.sentiment.embeddings_head import FILE, Head, to_json
from listener.sentiment.evaluate import POLARITIES, Evaluation, Judged
from listener.sentiment.gate import OPINIONS

_HERE = Path(__file__).parent
_RECORD = f"<Q{e5.DIMENSION}e"  # the hash of a text, its vector in half precision
_HELD_OUT = 8

# Texts by language: all of those for which there are few with three labels, and enough of the others.
_TAKEN = dict.fromkeys(("ar", "de", "es", "fr", "hi", "it", "pt"), 10_000)
_TAKEN |= {"en": 9_000, "ru": 1_500, "ja": 1_200, "zh": 1_200, "id": 1_000, "ms": 600}
_TAKEN_OTHERWISE = 450


class Example(NamedTuple):
    """A prepared text, its language, its label as a place in POLARITIES, and its hash."""

    text: str
    language: str
    label: int
    hash: int

    @property
    def held_out(self) -> bool:
        return self.hash % _HELD_OUT == 0


def examples(lines: Iterable[str]) -> list[Example]:
    """Each text once, in the order of their hashes, as many of a language as are to be taken."""
    found: dict[str, dict[int, Example]] = defaultdict(dict)
    for line in lines:
        row = json.loads(line)
        text = e5.prepare(row["text"])
        hash_ = int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "little")
        found[row["lang"]].setdefault(hash_, Example(text, row["lang"], POLARITIES.index(row["label"]), hash_))
    taken = []
    for language, of in sorted(found.items()):
        taken += [of[hash_] for hash_ in sorted(of)[: _TAKEN.get(language, _TAKEN_OTHERWISE)]]
    return taken


def vectors(wanted: Sequence[Example], path: Path) -> dict[int, list[float]]:
    """By hash; those that the file lacks are read and added to it."""
    known = dict(_kept(path))
    missing = [example for example in wanted if example.hash not in known]
    with path.open("ab") as file:
        embedded = e5.embed([example.text for example in missing])
        for done, (example, vector) in enumerate(zip(missing, embedded, strict=True)):
            if done % 1_000 == 0:
                _say(f"{done} of {len(missing)} texts read")
            record = struct.pack(_RECORD, example.hash, *vector)
            file.write(record)
            known[example.hash] = list(struct.unpack(_RECORD, record)[1:])
    return known


def _kept(path: Path) -> Iterator[tuple[int, list[float]]]:
    data = path.read_bytes() if path.exists() else b""
    whole = len(data) - len(data) % struct.calcsize(_RECORD)
    if whole < len(data):
        path.write_bytes(data[:whole])  # the last run was stopped within a record
    for hash_, *vector in struct.iter_unpack(_RECORD, data[:whole]):
        yield hash_, vector


def report(head: Head, held_out: Sequence[tuple[Example, Sequence[float]]]) -> Iterator[str]:
    """For each language how many texts are held out, and accuracy, macro-F1 and calibration error on them."""
    evaluation = Evaluation()
    for example, vector in held_out:
        probabilities = head.probabilities(vector, example.language)
        label = OPINIONS[probabilities.index(max(probabilities))]
        verdict = Verdict(label, 0.0, probabilities, max(probabilities), example.language, "", (), "")
        evaluation.add(Judged(POLARITIES[example.label], verdict))
    yield "language     n  accuracy  macro-F1    ECE"
    for language, figures in [*sorted(evaluation.languages.items()), ("all", evaluation.overall)]:
        right = figures.scored_only
        yield f"{language:8} {right.n:5}  {right.accuracy:8.3f}  {right.macro_f1:8.3f}  {figures.ece or 0.0:5.3f}"


def main(data: Path, kept: Path) -> None:
    with gzip.open(data, "rt", encoding="utf-8") if data.suffix == ".gz" else data.open(encoding="utf-8") as lines:
        wanted = examples(lines)
    read = vectors(wanted, kept)
    everything = [(example, read[example.hash]) for example in wanted]
    held_out = [one for one in everything if one[0].held_out]
    learnt = layers([one for one in everything if not one[0].held_out])
    measured = Head(learnt, temperatures(learnt, held_out))
    for line in report(measured, held_out):
        _say(line)
    (_HERE / FILE).write_text(to_json(measured._replace(layers=layers(everything))), encoding="utf-8")


def _say(line: str) -> None:
    sys.stderr.write(f"{line}\n")


if __name__ == "__main__":
    if len(sys.argv) not in (2, 3):
        sys.exit(
            "say which file holds the labelled texts: python -m listener.sentiment.train_embeddings DATA [VECTORS]"
        )
    main(Path(sys.argv[1]), Path(sys.argv[2] if len(sys.argv) == 3 else "e5.vectors"))
